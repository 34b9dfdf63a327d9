package dev.matriarch.agent.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** The {@code PATRONI_*} variables, and the keys of the file that they stand for. */
final class Environment {
    static final String PREFIX = "PATRONI_";
    /** A whole YAML document. */
    static final String WHOLE = "PATRONI_CONFIGURATION";

    private static final List<String> ROLES = List.of("SUPERUSER", "REPLICATION", "REWIND");
    private static final List<String> GROUPS = List.of(
            "LOG",
            "RESTAPI",
            "CTL",
            "CONTROL",
            "TLS",
            "RAFT",
            "POSTGRESQL",
            "ETCD3",
            "ETCD",
            "CONSUL",
            "ZOOKEEPER",
            "EXHIBITOR",
            "KUBERNETES",
            "CITUS");
    /** Kubernetes tells every container of a service named patroni-something in variables that look like ours. */
    private static final Pattern SERVICE_LINK = Pattern.compile(".*_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_\\d+_.*)");

    private static final Map<String, List<String>> TABLE = table();

    private Environment() {}

    private static Map<String, List<String>> table() {
        Map<String, List<String>> t = new LinkedHashMap<>();
        for (String root : words("SCOPE NAME NAMESPACE STATE_DIR THREAD_POOL_SIZE THREAD_STACK_SIZE")) {
            t.put(root, List.of(lower(root)));
        }
        section(
                t,
                "LOG",
                "TYPE LEVEL TRACEBACK_LEVEL FORMAT DATEFORMAT STATIC_FIELDS MAX_QUEUE_SIZE DIR MODE FILE_NUM FILE_SIZE"
                        + " LOGGERS DEDUPLICATE_HEARTBEAT_LOGS");
        t.put("LOGLEVEL", List.of("log", "level"));
        t.put("LOGFORMAT", List.of("log", "format"));
        t.put("LOG_DATEFMT", List.of("log", "dateformat"));
        section(
                t,
                "RESTAPI",
                "LISTEN CONNECT_ADDRESS CERTFILE KEYFILE KEYFILE_PASSWORD CAFILE CIPHERS VERIFY_CLIENT ALLOWLIST"
                        + " ALLOWLIST_INCLUDE_MEMBERS HTTP_EXTRA_HEADERS HTTPS_EXTRA_HEADERS REQUEST_QUEUE_SIZE"
                        + " SERVER_TOKENS THREAD_POOL_SIZE");
        section(t, "CTL", "INSECURE CACERT CERTFILE KEYFILE KEYFILE_PASSWORD KEYFILE_PASSWORD_FILE ENDPOINTS");
        section(t, "TLS", "CA CERTIFICATE KEY KEY_PASSWORD KEY_PASSWORD_FILE DIRECTORY LIFETIME");
        for (String door : List.of("RESTAPI", "CTL")) {
            for (String name : words("USERNAME PASSWORD PASSWORD_FILE")) {
                t.put(door + "_" + name, List.of(lower(door), "authentication", lower(name)));
            }
        }
        section(t, "CONTROL", "LISTEN CONNECT_ADDRESS");
        section(
                t,
                "RAFT",
                "DATA_DIR SELF_ADDR BIND_ADDR PARTNER_ADDRS PASSWORD PASSWORD_FILE MIN_TIMEOUT MAX_TIMEOUT"
                        + " CONNECTION_TIMEOUT APPEND_ENTRIES_PERIOD CONNECTION_RETRY_TIME LEADER_FALLBACK_TIMEOUT");
        section(t, "POSTGRESQL", "LISTEN CONNECT_ADDRESS PROXY_ADDRESS DATA_DIR CONFIG_DIR BIN_DIR PGPASS");
        for (String program : words("PG_CTL INITDB PG_CONTROLDATA PG_BASEBACKUP POSTGRES PG_ISREADY PG_REWIND")) {
            t.put("POSTGRESQL_BIN_" + program, List.of("postgresql", "bin_name", lower(program)));
        }
        // As Patroni's documentation spells it.
        t.put("POSTGRESQL_BIN_IS_READY", List.of("postgresql", "bin_name", "pg_isready"));
        for (String role : ROLES) {
            for (String name : words(
                    "USERNAME PASSWORD PASSWORD_FILE SSLMODE SSLKEY SSLPASSWORD SSLPASSWORD_FILE SSLCERT SSLROOTCERT"
                            + " SSLCRL SSLCRLDIR SSLNEGOTIATION GSSENCMODE CHANNEL_BINDING")) {
                t.put(role + "_" + name, List.of("postgresql", "authentication", lower(role), lower(name)));
            }
        }
        String web =
                "HOST HOSTS PORT URL PROXY PROTOCOL SRV SRV_SUFFIX USE_PROXIES USERNAME PASSWORD CACERT CERT KEY KEY_PASSWORD";
        section(t, "ETCD", web);
        section(t, "ETCD3", web);
        section(
                t,
                "CONSUL",
                "HOST PORT URL SCHEME TOKEN VERIFY CACERT CERT KEY DC CONSISTENCY CHECKS REGISTER_SERVICE SERVICE_TAGS"
                        + " SERVICE_CHECK_INTERVAL SERVICE_CHECK_TLS_SERVER_NAME");
        section(t, "ZOOKEEPER", "HOSTS USE_SSL CACERT CERT KEY KEY_PASSWORD VERIFY SET_ACLS AUTH_DATA");
        section(t, "EXHIBITOR", "HOSTS PORT");
        section(
                t,
                "KUBERNETES",
                "CONTEXT NAMESPACE LABELS SCOPE_LABEL ROLE_LABEL LEADER_LABEL_VALUE FOLLOWER_LABEL_VALUE"
                        + " STANDBY_LEADER_LABEL_VALUE TMP_ROLE_LABEL USE_ENDPOINTS POD_IP PORTS CACERT"
                        + " RETRIABLE_HTTP_CODES BOOTSTRAP_LABELS BYPASS_API_SERVICE");
        t.put("RETRIABLE_HTTP_CODES", List.of("kubernetes", "retriable_http_codes"));
        section(t, "CITUS", "GROUP DATABASE COORDINATOR");
        return t;
    }

    private static void section(Map<String, List<String>> table, String section, String names) {
        for (String name : words(names)) {
            table.put(section + "_" + name, List.of(lower(section), lower(name)));
        }
    }

    private static List<String> words(String text) {
        return List.of(text.split(" "));
    }

    /** @return the key that the variable sets, outermost name first; empty if it sets none */
    static Optional<List<String>> keyOf(String variable) {
        if (!variable.startsWith(PREFIX) || variable.equals(WHOLE)) {
            return Optional.empty();
        }
        String rest = variable.substring(PREFIX.length());
        if (TABLE.containsKey(rest)) {
            return Optional.of(TABLE.get(rest));
        }
        // Not one of ours: led to a key that is not there either, so that the nearest one can be named.
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
                // Names of roles are told apart by case, but a variable is often written in capitals throughout.
                boolean capitals = user.equals(user.toUpperCase(Locale.ROOT));
                return Optional.of(List.of("bootstrap", "users", capitals ? lower(user) : user, lower(suffix)));
            }
        }
        return Optional.empty();
    }

    /** The variable to use for a key, written with dots; empty if there is none. */
    static Optional<String> variableFor(String key) {
        return TABLE.entrySet().stream()
                .filter(e -> String.join(".", e.getValue()).equals(key))
                .map(e -> PREFIX + e.getKey())
                .findFirst();
    }

    static boolean isServiceLink(String variable, String value) {
        return SERVICE_LINK.matcher(variable).matches()
                || variable.endsWith("_PORT") && value.matches("(tcp|udp|sctp)://.*");
    }

    private static String lower(String text) {
        return text.toLowerCase(Locale.ROOT);
    }

    private static String lower(String rest, String prefix) {
        return lower(rest.substring(prefix.length() + 1));
    }
}
