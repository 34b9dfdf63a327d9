package dev.matriarch.agent.config;

import dev.matriarch.agent.config.RestConfig.ServerTokens;
import dev.matriarch.agent.config.RestConfig.VerifyClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** The part of {@code restapi} that says who is let in, and with what certificate. */
final class RestDoorSection {
    /** Patroni's is 5, for a server that accepts more slowly. */
    private static final int QUEUE = 256;

    private static final int LONGEST_QUEUE = 4096;
    private static final Pattern HEADER = Pattern.compile("[A-Za-z0-9!#$%&'*+.^_`|~-]+");
    private static final Pattern NETWORK = Pattern.compile("[0-9A-Fa-f.:]+/(\\d{1,3})");

    private final Section s;

    RestDoorSection(Section s) {
        this.s = s;
    }

    Optional<RestConfig.Tls> tls() {
        Optional<Path> certfile = readable("certfile");
        Optional<Path> keyfile = readable("keyfile");
        Optional<String> password = s.secret("keyfile_password");
        Optional<Path> cafile = readable("cafile");
        Optional<String> ciphers = s.text("ciphers");
        VerifyClient verify =
                VerifyClient.valueOf(s.word("verify_client", "none", List.of("none", "optional", "required"))
                        .toUpperCase(java.util.Locale.ROOT));
        if (!s.has("certfile")) {
            if (keyfile.isPresent() || verify != VerifyClient.NONE) {
                s.problem(
                        keyfile.isPresent() ? "keyfile" : "verify_client",
                        "has no meaning without " + s.key("certfile") + ": give the certificate of this member");
            }
            return Optional.empty();
        }
        if (verify != VerifyClient.NONE && !s.has("cafile")) {
            s.problem(
                    "verify_client",
                    "needs " + s.key("cafile") + ": the authorities that clients' certificates come from");
        }
        return certfile.map(c -> new RestConfig.Tls(c, keyfile, password, cafile, ciphers, verify));
    }

    private Optional<Path> readable(String name) {
        Optional<Path> file = s.file(name);
        if (file.isPresent() && !Files.isReadable(file.get())) {
            s.problem(name, "cannot be read; create it, readable for the agent's user");
            return Optional.empty();
        }
        return file;
    }

    RestConfig.Guests guests() {
        List<String> allowlist = s.textsOrCommas("allowlist");
        for (String entry : allowlist) {
            var network = NETWORK.matcher(entry);
            int most = entry.indexOf(':') >= 0 ? 128 : 32;
            if (entry.indexOf('/') >= 0 && !(network.matches() && Integer.parseInt(network.group(1)) <= most)) {
                s.problem("allowlist", "holds '" + entry + "', which is not a network such as 10.0.0.0/8");
            }
        }
        return new RestConfig.Guests(List.copyOf(allowlist), s.bool("allowlist_include_members", false));
    }

    RestConfig.Answers answers() {
        return new RestConfig.Answers(
                headers("http_extra_headers"),
                headers("https_extra_headers"),
                switch (s.word("server_tokens", "original", List.of("original", "minimal", "productonly"))) {
                    case "minimal" -> ServerTokens.MINIMAL;
                    case "productonly" -> ServerTokens.PRODUCT_ONLY;
                    default -> ServerTokens.ORIGINAL;
                });
    }

    int queue() {
        return s.integer("request_queue_size", QUEUE, 0, LONGEST_QUEUE);
    }

    /** A line break in a value would begin another header. */
    private Map<String, String> headers(String name) {
        Map<String, String> headers = new TreeMap<>();
        s.section(name)
                .ifPresent(all -> all.node().properties().forEach(header -> {
                    String value = all.text(header.getKey()).orElse("");
                    if (!HEADER.matcher(header.getKey()).matches()) {
                        s.problem(name, "holds '" + header.getKey() + "', which is not the name of a header");
                    } else if (header.getValue().isContainerNode()
                            || !value.chars().allMatch(c -> c >= ' ' && c < 127)) {
                        s.problem(name, "holds a value of " + header.getKey() + " that is not one line of ASCII text");
                    } else {
                        headers.put(header.getKey(), value);
                    }
                }));
        return Map.copyOf(headers);
    }
}
