package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.matriarch.tls.TlsFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The configuration of a further node, made of that of a member that runs: the same but for the name, the addresses, and what is
 * said of one host only (tags, {@code ctl}). A member's holds passwords, those of files among them: the new host does not have
 * these. Others get what they read, nothing of PostgreSQL, and no password.
 *
 * @param text in YAML
 * @param tlsDirectory of its certificates
 * @param emptyDirectories that must not hold anything before it starts
 */
public record NewMember(String text, Path tlsDirectory, List<Path> emptyDirectories) {
    private static final List<String> OF_A_WITNESS =
            List.of("scope", "name", "namespace", "state_dir", "raft", "log", "tls");
    private static final List<String> OF_A_LISTENER =
            Stream.concat(OF_A_WITNESS.stream(), Stream.of("restapi")).toList();
    /** Of {@code restapi}: nobody orders anything at a listener's door. */
    private static final List<String> OF_THE_DOOR = List.of(
            "listen",
            "connect_address",
            "certfile",
            "keyfile",
            "cafile",
            "ciphers",
            "verify_client",
            "http_extra_headers",
            "https_extra_headers",
            "server_tokens",
            "request_queue_size");

    private static final Set<String> WILDCARDS = Set.of("0.0.0.0", "::", "[::]", "*");

    /**
     * @param model of the member that runs; with the built-in store and certificates that are made here
     * @param file that the model comes from, if it is one
     * @param host by which the others call the new node
     * @param directory where all its files are to be; absent: where the model has its own
     * @param peers addresses of the store's peers that have a vote
     * @throws IOException if a password's file cannot be read; the message names it
     */
    public static NewMember of(
            NodeKind kind,
            LocalConfig model,
            Optional<Path> file,
            String name,
            String host,
            Optional<Path> directory,
            List<String> peers)
            throws IOException {
        Writer writer = new Writer(model, file, name, host, directory);
        return switch (kind) {
            case MEMBER -> writer.member(peers);
            case WITNESS -> writer.witness(peers);
            case LISTENER -> writer.listener(peers);
        };
    }

    private static final class Writer {
        private final AgentConfig config;
        private final RaftConfig raft;
        private final Path tls;
        private final ObjectNode tree;
        private final String name;
        private final String host;
        private final Optional<Path> directory;
        private final Set<String> own;
        private final Map<Path, Path> moved = new LinkedHashMap<>();

        Writer(LocalConfig model, Optional<Path> file, String name, String host, Optional<Path> directory)
                throws IOException {
            this.config = model.config();
            this.raft = config.builtIn().orElseThrow(() -> new IOException("the built-in store is not in use"));
            this.tls = config.tls()
                    .flatMap(TlsFiles::own)
                    .orElseThrow(() -> new IOException("no certificates are made here"))
                    .directory();
            this.tree = model.tree().deepCopy();
            // The token brings what the cluster signs with now.
            if (tree.get("tls") instanceof ObjectNode section) {
                section.remove("authority");
            }
            this.name = name;
            this.host = host;
            this.directory = directory;
            this.own = new HashSet<>(NodeConfig.of(config).hosts());
            own.add(config.postgres().connectAddress().host());
            directory.ifPresent(to -> {
                moved.put(config.stateDir(), to.resolve("state"));
                moved.put(raft.dataDir(), to.resolve("raft"));
                moved.put(tls, to.resolve("tls"));
                moved.put(config.postgres().dataDir(), to.resolve("data"));
                // All of the model in one directory, its file among it: what else is there moves as well.
                file.map(f -> f.toAbsolutePath().getParent())
                        .filter(home -> raft.dataDir().startsWith(home))
                        .ifPresent(home -> moved.put(home, to));
            });
        }

        NewMember member(List<String> peers) throws IOException {
            tree.put("name", name);
            tree.remove(List.of("tags", "ctl"));
            for (String section : List.of("restapi", "control", "postgresql")) {
                addresses(section);
            }
            raft(peers);
            passwords(tree);
            if (directory.isPresent()) {
                moveStore();
                ObjectNode postgresql = tree.withObjectProperty("postgresql");
                postgresql.put("data_dir", place(config.postgres().dataDir()).toString());
                if (postgresql.has("pgpass")) {
                    postgresql.put("pgpass", directory.get().resolve("pgpass").toString());
                }
            }
            return new NewMember(
                    YamlText.of(tree),
                    place(tls),
                    List.of(
                            place(config.stateDir()),
                            place(raft.dataDir()),
                            place(tls),
                            place(config.postgres().dataDir())));
        }

        NewMember witness(List<String> peers) {
            return withoutPostgres(OF_A_WITNESS, peers);
        }

        NewMember listener(List<String> peers) {
            tree.withObjectProperty("restapi").retain(OF_THE_DOOR);
            addresses("restapi");
            return withoutPostgres(OF_A_LISTENER, peers);
        }

        private NewMember withoutPostgres(List<String> sections, List<String> peers) {
            tree.retain(sections);
            tree.put("name", name);
            // Of a group of a larger database the store has a name of its own.
            tree.put("scope", config.storeName());
            raft(peers);
            if (directory.isPresent()) {
                moveStore();
            }
            return new NewMember(
                    YamlText.of(tree),
                    place(tls),
                    List.of(place(config.stateDir()), place(raft.dataDir()), place(tls)));
        }

        /** What every node has. */
        private void moveStore() {
            move(tree);
            tree.put("state_dir", place(config.stateDir()).toString());
            tree.withObjectProperty("raft")
                    .put("data_dir", place(raft.dataDir()).toString());
            tree.withObjectProperty("tls").put("directory", place(tls).toString());
        }

        private void addresses(String section) {
            if (!(tree.get(section) instanceof ObjectNode s)) {
                return;
            }
            if (s.has("listen")) {
                s.put("listen", listen(s.get("listen").asText()));
            }
            if (s.has("connect_address")) {
                s.put("connect_address", connect(s.get("connect_address").asText()));
            }
            if (s.has("proxy_address")) {
                String proxy = s.get("proxy_address").asText();
                // A pooler may be on a host of its own.
                if (own.contains(split(proxy)[0])) {
                    s.put("proxy_address", connect(proxy));
                }
            }
        }

        private void raft(List<String> peers) {
            ObjectNode s = tree.withObjectProperty("raft");
            String self = new HostPort(host, raft.selfAddress().port()).toString();
            s.put("self_addr", self);
            if (s.has("bind_addr")) {
                s.put("bind_addr", listen(s.get("bind_addr").asText()));
            }
            ArrayNode partners = s.putArray("partner_addrs");
            peers.stream().filter(p -> !p.equals(self)).forEach(partners::add);
        }

        private String connect(String address) {
            return shown(host) + split(address)[1];
        }

        /** Wildcards stay, and loopback addresses beside the host's own; other addresses are those of the model's host. */
        private String listen(String addresses) {
            String[] parts = split(addresses);
            return Arrays.stream(parts[0].split(","))
                            .map(String::strip)
                            .map(one -> WILDCARDS.contains(one) || isLoopback(one) && !own.contains(one)
                                    ? one
                                    : shown(host))
                            .distinct()
                            .collect(Collectors.joining(","))
                    + parts[1];
        }

        private static boolean isLoopback(String host) {
            return host.equals("localhost") || host.startsWith("127.") || host.equals("::1") || host.equals("[::1]");
        }

        /** @return the hosts, and the port with its colon or nothing */
        private static String[] split(String address) {
            int colon = address.lastIndexOf(':');
            boolean port =
                    colon > address.lastIndexOf(']') && (address.startsWith("[") || address.indexOf(':') == colon);
            String hosts = port ? address.substring(0, colon) : address;
            if (hosts.startsWith("[") && hosts.endsWith("]")) {
                hosts = hosts.substring(1, hosts.length() - 1);
            }
            return new String[] {hosts, port ? address.substring(colon) : ""};
        }

        private static String shown(String host) {
            return host.indexOf(':') >= 0 ? "[" + host + "]" : host;
        }

        /** In place of the files that hold them. */
        private static void passwords(ObjectNode section) throws IOException {
            for (Map.Entry<String, JsonNode> entry : new ArrayList<>(section.properties())) {
                if (entry.getValue() instanceof ObjectNode inner) {
                    passwords(inner);
                } else if (entry.getKey().endsWith("password_file")
                        && entry.getValue().isTextual()) {
                    Path file = Path.of(entry.getValue().asText());
                    String password;
                    try {
                        password = Files.readString(file).replaceFirst("\\R\\z", "");
                    } catch (IOException e) {
                        throw new IOException("the password in " + file + " cannot be read: " + e, e);
                    }
                    section.remove(entry.getKey());
                    section.put(entry.getKey().substring(0, entry.getKey().length() - "_file".length()), password);
                }
            }
        }

        private void move(JsonNode node) {
            switch (node) {
                case ObjectNode map ->
                    map.properties().forEach(e -> {
                        if (e.getValue().isTextual()) {
                            e.setValue(TextNode.valueOf(moved(e.getValue().asText())));
                        } else {
                            move(e.getValue());
                        }
                    });
                case ArrayNode list -> {
                    for (int i = 0; i < list.size(); i++) {
                        if (list.get(i).isTextual()) {
                            list.set(i, TextNode.valueOf(moved(list.get(i).asText())));
                        } else {
                            move(list.get(i));
                        }
                    }
                }
                case JsonNode other -> {
                    // Numbers and the like name no file.
                }
            }
        }

        private String moved(String text) {
            return text.startsWith("/") ? place(Path.of(text)).toString() : text;
        }

        private Path place(Path path) {
            return moved.entrySet().stream()
                    .filter(e -> path.startsWith(e.getKey()))
                    .findFirst()
                    .map(e -> e.getValue().resolve(e.getKey().relativize(path)).normalize())
                    .orElse(path);
        }
    }
}
