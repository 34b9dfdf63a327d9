package dev.matriarch.agent.config;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The {@code PATRONI_*} variables, and the keys of the file that they stand for. */
final class Environment {
    static final String PREFIX = "PATRONI_";

    private static final Map<String, List<String>> FIXED = Map.ofEntries(
            Map.entry("SCOPE", List.of("scope")),
            Map.entry("NAME", List.of("name")),
            Map.entry("NAMESPACE", List.of("namespace")),
            Map.entry("STATE_DIR", List.of("state_dir")),
            Map.entry("LOGLEVEL", List.of("log", "level")),
            Map.entry("RESTAPI_USERNAME", List.of("restapi", "authentication", "username")),
            Map.entry("RESTAPI_PASSWORD", List.of("restapi", "authentication", "password")),
            Map.entry("RESTAPI_PASSWORD_FILE", List.of("restapi", "authentication", "password_file")),
            Map.entry("CTL_USERNAME", List.of("ctl", "authentication", "username")),
            Map.entry("CTL_PASSWORD", List.of("ctl", "authentication", "password")),
            Map.entry("CTL_PASSWORD_FILE", List.of("ctl", "authentication", "password_file")));

    private static final List<String> GROUPS = List.of(
            "LOG",
            "RESTAPI",
            "CTL",
            "CONTROL",
            "RAFT",
            "POSTGRESQL",
            "ETCD3",
            "ETCD",
            "CONSUL",
            "ZOOKEEPER",
            "EXHIBITOR",
            "KUBERNETES",
            "CITUS");
    private static final List<String> ROLES = List.of("SUPERUSER", "REPLICATION", "REWIND");

    private Environment() {}

    /** @return the key that the variable sets, outermost name first; empty if it sets none */
    static Optional<List<String>> keyOf(String variable) {
        if (!variable.startsWith(PREFIX) || variable.equals("PATRONI_CONFIGURATION")) {
            return Optional.empty();
        }
        String rest = variable.substring(PREFIX.length());
        if (FIXED.containsKey(rest)) {
            return Optional.of(FIXED.get(rest));
        }
        if (rest.startsWith("POSTGRESQL_BIN_") && !rest.equals("POSTGRESQL_BIN_DIR")) {
            return Optional.of(List.of("postgresql", "bin_name", lower(rest, "POSTGRESQL_BIN")));
        }
        for (String role : ROLES) {
            if (rest.startsWith(role + "_")) {
                return Optional.of(List.of("postgresql", "authentication", lower(role), lower(rest, role)));
            }
        }
        for (String group : GROUPS) {
            if (rest.startsWith(group + "_")) {
                return Optional.of(List.of(lower(group), lower(rest, group)));
            }
        }
        // The older form: PATRONI_<user>_PASSWORD and PATRONI_<user>_OPTIONS create a role at bootstrap.
        for (String suffix : List.of("PASSWORD_FILE", "PASSWORD", "OPTIONS")) {
            if (rest.endsWith("_" + suffix) && rest.length() > suffix.length() + 1) {
                String user = rest.substring(0, rest.length() - suffix.length() - 1);
                return Optional.of(List.of("bootstrap", "users", lower(user), lower(suffix)));
            }
        }
        return Optional.empty();
    }

    private static String lower(String text) {
        return text.toLowerCase(Locale.ROOT);
    }

    private static String lower(String rest, String prefix) {
        return lower(rest.substring(prefix.length() + 1));
    }
}
