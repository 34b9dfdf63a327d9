package dev.matriarch.agent.config;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Reads {@code consul}, with Patroni's keys: a url counts more than scheme, host and port. */
final class ConsulSection {
    private static final int PORT = 8500;
    private static final String TIME = "([0-9]+(\\.[0-9]+)?(ms|s|m|h))+";

    private final Section s;
    private final Findings findings;

    ConsulSection(Section section, Findings findings) {
        this.s = section;
        this.findings = findings;
    }

    /** @return empty if something is wrong with it */
    Optional<ConsulConfig> read() {
        int before = findings.problems().size();
        String scheme = s.word("scheme", "http", List.of("http", "https"));
        int port = s.integer("port", PORT, 1, 65535);
        URI byHost = host(scheme, port);
        Optional<URI> url = url();
        Optional<String> token = s.secret("token").filter(t -> !t.isEmpty());
        if (!token.orElse("").matches("[\\x21-\\x7e]*")) {
            // It goes into a header; what it holds is nobody's business.
            findings.add(
                    s.key(s.has("token") ? "token" : "token_file"),
                    "holds a blank, a line break or another character that no token of Consul has; give the token alone");
        }
        boolean verify = s.bool("verify", true);
        Optional<Path> cacert = s.file("cacert");
        Optional<Path> cert = s.file("cert");
        Optional<Path> key = s.file("key");
        if (key.isPresent() && cert.isEmpty() && !s.has("cert")) {
            s.problem("key", "needs cert: the certificate that it belongs to");
        }
        Optional<String> datacenter = s.text("dc");
        String consistency = s.word("consistency", "default", List.of("default", "consistent", "stale"));
        List<String> checks = s.textsOrCommas("checks");
        boolean register = s.bool("register_service", false);
        List<String> tags = s.textsOrCommas("service_tags");
        String interval = interval();
        Optional<String> serverName = s.text("service_check_tls_server_name");
        s.finish();
        return findings.problems().size() > before
                ? Optional.empty()
                : Optional.of(new ConsulConfig(
                        url.orElse(byHost),
                        token,
                        // As in Patroni: who names an authority wants it to be looked at.
                        verify || cacert.isPresent(),
                        cacert,
                        cert,
                        key,
                        datacenter,
                        consistency,
                        checks,
                        register,
                        tags,
                        interval,
                        serverName));
    }

    private URI host(String scheme, int port) {
        s.describe("host", "host, or host:port", "127.0.0.1", "");
        String text = s.text("host").orElse("127.0.0.1");
        try {
            HostPort given = HostPort.parse(text, port);
            return (s.has("port") ? new HostPort(given.host(), port) : given).url(scheme);
        } catch (IllegalArgumentException e) {
            s.problem("host", "is not an address: " + e.getMessage());
            return new HostPort("127.0.0.1", PORT).url(scheme);
        }
    }

    private Optional<URI> url() {
        return s.text("url").flatMap(text -> {
            try {
                URI uri = URI.create(text);
                boolean web = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
                if (web && uri.getHost() != null) {
                    return Optional.of(URI.create(uri.getScheme() + "://" + uri.getHost() + ":"
                            + (uri.getPort() < 0 ? PORT : uri.getPort())));
                }
            } catch (IllegalArgumentException e) {
                // Said below, without what it holds: there may be a password in it.
            }
            findings.add(s.key("url"), "is not an address such as http://10.0.0.1:8500");
            return Optional.empty();
        });
    }

    private String interval() {
        String text = s.text("service_check_interval", "5s");
        if (text.matches("[0-9]+(\\.[0-9]+)?")) {
            return text + "s";
        }
        if (!text.matches(TIME)) {
            s.problem("service_check_interval", "is not a time such as 5s");
        }
        return text;
    }
}
