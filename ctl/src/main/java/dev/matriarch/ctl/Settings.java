package dev.matriarch.ctl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Whom to ask.
 *
 * @param scope the cluster's name, if the configuration gives one
 * @param endpoints {@code host:port} of gRPC doors, in the order of trying
 * @param tls how to speak to them
 */
record Settings(Optional<String> scope, List<Endpoint> endpoints, CtlTls tls) {
    private static final int REST_PORT = 8008;
    /** Where the doors of agents are looked for, by section. */
    private static final Map<String, List<String>> ADDRESSES = Map.of(
            "ctl", List.of("endpoints"),
            "control", List.of("connect_address", "listen"),
            "restapi", List.of("connect_address", "listen"),
            "raft", List.of("partner_addrs"));

    private static final String DEFAULT_FILE = ".config/matriarch/ctl.yaml";

    record Endpoint(String host, int port) {
        /** @throws CtlException if {@code text} is not host:port */
        static Endpoint parse(String text, int defaultPort, String where) {
            String host = text.strip();
            int port = defaultPort;
            int colon = host.lastIndexOf(':');
            boolean bareIpv6 = colon >= 0 && host.indexOf(':') != colon && !host.startsWith("[");
            if (colon > host.lastIndexOf(']') && !bareIpv6) {
                try {
                    port = Integer.parseInt(host.substring(colon + 1));
                } catch (NumberFormatException e) {
                    port = -1;
                }
                host = host.substring(0, colon);
            }
            if (host.startsWith("[") && host.endsWith("]")) {
                host = host.substring(1, host.length() - 1);
            }
            if (host.isEmpty() || port < 1 || port > 65535) {
                throw CtlException.usage(where + ": '" + text + "' is not host:port");
            }
            return new Endpoint(host, port);
        }

        @Override
        public String toString() {
            return host.indexOf(':') >= 0 ? "[" + host + "]:" + port : host + ":" + port;
        }
    }

    /**
     * Endpoints of the command line come alone; else those of the configuration file.
     *
     * @param file of {@code -c}, or null
     * @param insecure of {@code -k}
     */
    static Settings load(String file, List<String> endpoints, boolean insecure, Terminal terminal) {
        List<Endpoint> given =
                endpoints.stream().map(e -> Endpoint.parse(e, -1, "--endpoint")).toList();
        Optional<Path> path = choose(file, terminal);
        Optional<Map<?, ?>> yaml = path.map(Settings::read).map(configuration -> overlaid(configuration, terminal));
        CtlTls tls = CtlTls.of((section, key) -> setting(yaml, section, key, terminal), insecure);
        Optional<String> scope = yaml.map(y -> y.get("scope")).map(Object::toString);
        if (!given.isEmpty()) {
            return new Settings(scope, given, tls);
        }
        if (yaml.isEmpty()) {
            throw CtlException.usage(
                    "no agent to ask: give the agent's configuration with -c FILE, or --endpoint HOST:PORT");
        }
        List<Endpoint> found = endpointsOf(yaml.get(), path.get().toString());
        if (found.isEmpty()) {
            throw CtlException.usage(path.get() + " names no agent: it needs ctl.endpoints, control.connect_address,"
                    + " restapi.connect_address or raft.partner_addrs");
        }
        return new Settings(scope, found, tls);
    }

    /** As the agent that is configured by the same file and the same variables: those come first. */
    private static Map<?, ?> overlaid(Map<?, ?> yaml, Terminal terminal) {
        Map<Object, Object> all = new LinkedHashMap<>(yaml);
        String scope = terminal.environment("PATRONI_SCOPE");
        if (!scope.isEmpty()) {
            all.put("scope", scope);
        }
        ADDRESSES.forEach((section, keys) -> {
            Map<Object, Object> merged =
                    new LinkedHashMap<>(yaml.get(section) instanceof Map<?, ?> map ? map : Map.of());
            for (String key : keys) {
                String value = terminal.environment(variable(section, key));
                if (!value.isEmpty()) {
                    merged.put(key, value);
                }
            }
            if (!merged.isEmpty()) {
                all.put(section, merged);
            }
        });
        return all;
    }

    /** The environment comes first, as for the agent. */
    private static Optional<String> setting(Optional<Map<?, ?>> yaml, String section, String key, Terminal terminal) {
        String variable = terminal.environment(variable(section, key));
        return variable.isEmpty()
                ? yaml.map(y -> at(y, section, key)).map(Object::toString).filter(text -> !text.isBlank())
                : Optional.of(variable);
    }

    private static String variable(String section, String key) {
        return "PATRONI_" + (section + "_" + key).toUpperCase(Locale.ROOT);
    }

    private static Optional<Path> choose(String file, Terminal terminal) {
        for (String candidate : new String[] {
            file == null ? "" : file,
            terminal.environment("MATRIARCHCTL_CONFIG_FILE"),
            terminal.environment("PATRONICTL_CONFIG_FILE")
        }) {
            if (!candidate.isEmpty()) {
                Path path = Path.of(candidate);
                if (!Files.isReadable(path)) {
                    throw CtlException.refused("Provided config file " + candidate
                            + " not existing or no read rights. Check the -c/--config-file parameter");
                }
                return Optional.of(path);
            }
        }
        String home = terminal.environment("HOME");
        Path preset = Path.of(home.isEmpty() ? "." : home, DEFAULT_FILE);
        return Files.isReadable(preset) ? Optional.of(preset) : Optional.empty();
    }

    private static Map<?, ?> read(Path path) {
        try {
            return Yaml.map(Files.readString(path), path.toString());
        } catch (IOException e) {
            throw CtlException.refused("cannot read " + path + ": " + e);
        }
    }

    private static List<Endpoint> endpointsOf(Map<?, ?> yaml, String file) {
        // By what they are called: a record's own hash code takes a JVM milliseconds to prepare.
        Map<String, Endpoint> found = new LinkedHashMap<>();
        for (Object one : list(at(yaml, "ctl", "endpoints"))) {
            add(found, Endpoint.parse(one.toString(), -1, file + ": ctl.endpoints"));
        }
        int restPort = REST_PORT;
        Object rest = first(at(yaml, "restapi", "connect_address"), at(yaml, "restapi", "listen"));
        Optional<Endpoint> restDoor = rest == null
                ? Optional.empty()
                : Optional.of(Endpoint.parse(rest.toString(), REST_PORT, file + ": restapi.connect_address"));
        int port = restDoor.map(Endpoint::port).orElse(restPort) + 1;
        Object control = first(at(yaml, "control", "connect_address"), at(yaml, "control", "listen"));
        if (control != null) {
            Endpoint own = Endpoint.parse(control.toString(), port, file + ": control");
            port = own.port();
            add(found, reachable(own));
        } else if (restDoor.isPresent()) {
            add(found, reachable(new Endpoint(restDoor.get().host(), port)));
        }
        for (Object partner : list(at(yaml, "raft", "partner_addrs"))) {
            Endpoint raft = Endpoint.parse(partner.toString(), port, file + ": raft.partner_addrs");
            add(found, new Endpoint(raft.host(), port));
        }
        return new ArrayList<>(found.values());
    }

    private static void add(Map<String, Endpoint> found, Endpoint one) {
        found.putIfAbsent(one.toString(), one);
    }

    /** A door that listens on every address is reached on the loopback one. */
    private static Endpoint reachable(Endpoint endpoint) {
        return switch (endpoint.host()) {
            case "0.0.0.0", "*" -> new Endpoint("127.0.0.1", endpoint.port());
            case "::" -> new Endpoint("::1", endpoint.port());
            default -> endpoint;
        };
    }

    private static Object first(Object a, Object b) {
        return a != null ? a : b;
    }

    private static Object at(Map<?, ?> yaml, String section, String key) {
        return yaml.get(section) instanceof Map<?, ?> map ? map.get(key) : null;
    }

    private static List<?> list(Object value) {
        if (value == null) {
            return List.of();
        }
        // A text may have its parts in quotes, as Patroni's documentation writes them in variables.
        return value instanceof List<?> many
                ? many
                : List.of(value.toString().replaceAll("['\"]", "").split("\\s*,\\s*"));
    }
}
