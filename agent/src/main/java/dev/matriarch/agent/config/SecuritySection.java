package dev.matriarch.agent.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads the options of TLS and GSSAPI that each role of {@code postgresql.authentication} may have. */
final class SecuritySection {
    private static final List<String> FILES = List.of("sslcert", "sslkey", "sslcrl", "sslcrldir");

    private SecuritySection() {}

    static ConnectionSecurity read(Section s) {
        Map<String, String> options = new LinkedHashMap<>();
        word(s, options, "sslmode", "prefer", "disable", "allow", "prefer", "require", "verify-ca", "verify-full");
        word(s, options, "sslnegotiation", "postgres", "postgres", "direct");
        word(s, options, "gssencmode", "disable", "disable", "prefer", "require");
        word(s, options, "channel_binding", "prefer", "disable", "prefer", "require");
        for (String name : FILES) {
            s.file(name).ifPresent(file -> options.put(name, file.toString()));
        }
        // The word 'system' is no file: the certificates that the host trusts.
        boolean system = s.node().path("sslrootcert").asText("").equals("system");
        s.file("sslrootcert").ifPresent(file -> options.put("sslrootcert", system ? "system" : file.toString()));
        Optional<String> keyPassword = s.secret("sslpassword");
        String mode = options.getOrDefault("sslmode", "");
        if (mode.startsWith("verify-") && !options.containsKey("sslrootcert")) {
            s.problem("sslmode", "needs sslrootcert: the file with the certificates of whom to trust");
        }
        if (options.containsKey("sslcert") != options.containsKey("sslkey")) {
            s.problem(
                    options.containsKey("sslcert") ? "sslcert" : "sslkey", "needs the other one of sslcert and sslkey");
        }
        // In a service file of libpq a value ends with its line.
        if (keyPassword
                .filter(p -> !p.equals(p.strip()) || p.isEmpty() || p.indexOf('\n') >= 0)
                .isPresent()) {
            s.problem(
                    s.has("sslpassword") ? "sslpassword" : "sslpassword_file",
                    "is empty, has more than one line, or begins or ends with a blank; encrypt the key with another");
        }
        return options.isEmpty() && keyPassword.isEmpty()
                ? ConnectionSecurity.USUAL
                : new ConnectionSecurity(options, keyPassword);
    }

    private static void word(Section s, Map<String, String> options, String name, String standard, String... words) {
        String word = s.word(name, standard, List.of(words));
        if (s.has(name)) {
            options.put(name, word);
        }
    }
}
