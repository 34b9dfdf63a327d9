package dev.matriarch.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;

/** A demo cluster in a folder of its own, started and stopped through {@code ./demo}. */
public final class Cluster implements AutoCloseable {
    private static final Duration UP = Duration.ofSeconds(240);
    private static final Duration DOWN = Duration.ofSeconds(100);
    private static final Duration CTL = Duration.ofSeconds(60);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path demo;
    private int builds;
    private final Path directory;
    private final Profile profile;
    private final PortRange ports;
    private final List<String> options;
    private volatile List<Node> nodes = List.of();
    private List<Node> ofTheDemo = List.of();
    private String ctlCommand = "";
    private String upOutput = "";

    /** The timing profiles of the demo, and those of the peer that measurements are compared with. */
    public enum Profile {
        APPLIANCE(Duration.ofSeconds(5), "demo"),
        FAST(Duration.ofSeconds(3), "demo"),
        /** On a store of others, which takes no shorter ttl. */
        EXTERNAL(Duration.ofSeconds(20), "demo"),
        PATRONI_DEFAULT(Duration.ofSeconds(30), "bench/peer/patroni"),
        PATRONI_FAST(Duration.ofSeconds(20), "bench/peer/patroni");

        private final Duration ttl;
        private final String script;

        Profile(Duration ttl, String script) {
            this.ttl = ttl;
            this.script = script;
        }

        /** False for the peer, whose replicas do not say that they stream. */
        boolean isOurs() {
            return script.equals("demo");
        }

        public Duration ttl() {
            return ttl;
        }

        public String option() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    private Cluster(Path tree, Path directory, Profile profile, int nodeCount, PortRange ports, List<String> more) {
        this.ports = ports;
        this.demo = tree.resolve(profile.script);
        this.directory = directory;
        this.profile = profile;
        List<String> all = new ArrayList<>(List.of(
                "--dir",
                directory.toString(),
                "--nodes",
                Integer.toString(nodeCount),
                "--profile",
                profile.option(),
                "--port-offset",
                Integer.toString(ports.offset())));
        all.addAll(more);
        this.options = List.copyOf(all);
    }

    /** The top of the source tree: system property {@code matriarch.top}, else the working directory. */
    public static Path top() {
        return Path.of(System.getProperty("matriarch.top", "."))
                .toAbsolutePath()
                .normalize();
    }

    /** A new cluster in a new folder, on ports of its own. */
    public static Cluster start(Profile profile, int nodeCount) {
        return start(profile, nodeCount, List.of());
    }

    /** Patroni, whose etcd has three servers instead of one. */
    static Cluster startPatroniOnThreeEtcds(Profile profile) {
        return start(top(), profile, 3, List.of("--etcds", "3"));
    }

    /** The same as {@code ./demo up} makes it for people: members show each other certificates. */
    public static Cluster startWithTls(Profile profile, int nodeCount) {
        return start(top(), profile, nodeCount, List.of());
    }

    /** A new cluster whose keys are in the etcd at this address. */
    public static Cluster startOnEtcd(String address, int nodeCount) {
        return start(Profile.EXTERNAL, nodeCount, List.of("--etcd3", address, "--scope", "demo"));
    }

    /** The same by etcd's v2 API. */
    public static Cluster startOnEtcdV2(String address, int nodeCount) {
        return start(Profile.EXTERNAL, nodeCount, List.of("--etcd", address, "--scope", "demo"));
    }

    /** A new cluster whose keys are in the Consul at this address. */
    public static Cluster startOnConsul(String address, int nodeCount) {
        return start(Profile.EXTERNAL, nodeCount, List.of("--consul", address, "--scope", "demo"));
    }

    /** A new cluster whose keys are in the ZooKeeper at this address. */
    public static Cluster startOnZooKeeper(String address, int nodeCount) {
        return start(Profile.EXTERNAL, nodeCount, List.of("--zookeeper", address, "--scope", "demo"));
    }

    /**
     * The same of another build.
     *
     * @param tree the top of its source tree, built
     */
    public static Cluster startBuild(Path tree, Profile profile, int nodeCount) {
        return start(tree, profile, nodeCount, List.of());
    }

    /**
     * Agents that start from now on, and {@link #ctl}, are those of the build in that tree, of which the cluster gets a copy; agents
     * that run are left alone.
     */
    public void useBuild(Path tree) {
        String place = "dist-" + ++builds;
        Path copy = directory.resolve(place);
        Commands.run(
                        Duration.ofSeconds(30),
                        "cp",
                        "-R",
                        tree.resolve("packaging/target/matriarch").toString(),
                        copy.toString())
                .expectSuccess();
        Commands.run(Duration.ofSeconds(30), "chmod", "-R", "a+rX", copy.toString())
                .expectSuccess();
        for (String program : List.of("matriarch", "matriarchctl")) {
            Path script = directory.resolve("bin").resolve(program);
            try {
                String text = Files.readString(script);
                String next = text.replaceAll("/dist[-0-9]*/bin/", "/" + place + "/bin/");
                if (next.equals(text)) {
                    throw new AssertionError(script + " does not say which build it runs:\n" + text);
                }
                Files.writeString(script, next);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** In plain text, so that a test may look at connections, and give certificates of its own. */
    private static Cluster start(Profile profile, int nodeCount, List<String> more) {
        List<String> all = new ArrayList<>(more);
        if (profile.isOurs()) {
            all.add("--without-tls");
        }
        return start(top(), profile, nodeCount, all);
    }

    private static Cluster start(Path tree, Profile profile, int nodeCount, List<String> more) {
        PortRange ports = PortRange.take();
        try {
            Path parent = Path.of(System.getProperty("java.io.tmpdir")).toRealPath();
            Path directory =
                    parent.resolve("matriarch-chaos-" + ProcessHandle.current().pid() + "-" + ports.offset());
            Cluster cluster = new Cluster(tree, directory, profile, nodeCount, ports, more);
            try {
                cluster.up();
            } catch (AssertionError e) {
                cluster.close();
                throw e;
            }
            return cluster;
        } catch (IOException e) {
            ports.close();
            throw new UncheckedIOException(e);
        }
    }

    /** Runs {@code ./demo up}: starts what is not running and waits until the cluster is whole. */
    public void up() {
        upOutput = demo("up", UP).expectSuccess().output();
        try {
            JsonNode json = JSON.readTree(directory.resolve("demo.json").toFile());
            Path agent = Path.of(json.required("agent").asText());
            ctlCommand = json.required("ctl").asText();
            List<Node> read = new ArrayList<>();
            json.required("nodes").forEach(n -> read.add(new Node(n, agent)));
            nodes = List.copyOf(read);
            ofTheDemo = nodes;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public void down() {
        demo("down", DOWN).expectSuccess();
    }

    private Commands.Result demo(String verb, Duration deadline, String... more) {
        List<String> command = new ArrayList<>(List.of(demo.toString(), verb));
        command.addAll(options);
        command.addAll(List.of(more));
        return Commands.run(deadline, Map.of(), command);
    }

    public String upOutput() {
        return upOutput;
    }

    public Path directory() {
        return directory;
    }

    public Profile profile() {
        return profile;
    }

    /** What is added to each port of a demo. */
    public int portOffset() {
        return ports.offset();
    }

    public List<Node> nodes() {
        return nodes;
    }

    /** Counts a member in that was not made by the demo; {@link #close} ends its agent too. */
    void add(Node node) {
        List<Node> now = new ArrayList<>(nodes);
        now.add(node);
        nodes = List.copyOf(now);
    }

    /** Counts a member out whose host is gone, or that was removed; its agent must have ended. */
    void forget(Node node) {
        nodes = nodes.stream().filter(n -> n != node).toList();
    }

    public Node node(String name) {
        return nodes.stream().filter(n -> n.name().equals(name)).findFirst().orElseThrow();
    }

    public List<Node> othersThan(Node node) {
        return nodes.stream().filter(n -> n != node).toList();
    }

    /** {@code matriarchctl -c CONFIG arguments}, with the configuration of the first node whose agent runs. */
    public Commands.Result ctl(String... arguments) {
        return ctl(Map.of(), arguments);
    }

    /** The same with the configuration of this node: its agent is asked first. */
    Commands.Result ctlOf(Node via, String... arguments) {
        return ctl(via, Map.of(), arguments);
    }

    /** @param environment set besides the test's own */
    public Commands.Result ctl(Map<String, String> environment, String... arguments) {
        Node via =
                nodes.stream().filter(n -> n.agentPid().isPresent()).findFirst().orElse(nodes.getFirst());
        return ctl(via, environment, arguments);
    }

    private Commands.Result ctl(Node via, Map<String, String> environment, String... arguments) {
        List<String> command =
                new ArrayList<>(List.of(ctlCommand, "-c", via.config().toString()));
        command.addAll(List.of(arguments));
        return Commands.run(CTL, environment, command);
    }

    /** What this node's agent says about the members; empty if it does not answer. */
    public List<MemberView> membersSeenBy(Node node) {
        Optional<HttpResponse<String>> reply = Http.get(node.rest() + "/cluster", Duration.ofSeconds(2));
        if (reply.isEmpty() || reply.get().statusCode() != 200) {
            return List.of();
        }
        return MemberView.listed(reply.get().body());
    }

    /** The member that every agent's health check calls primary; empty if there is none at this moment. */
    public Optional<Node> primary() {
        return nodes.stream().filter(n -> n.healthCheck("/primary") == 200).findFirst();
    }

    public Node awaitPrimary(Duration deadline) {
        return Await.value("a primary", deadline, this::primary);
    }

    /** A primary other than this one. */
    public Node awaitPrimaryOtherThan(Node old, Duration deadline) {
        return Await.value(
                "a primary other than " + old,
                deadline,
                () -> othersThan(old).stream()
                        .filter(n -> n.healthCheck("/primary") == 200)
                        .findFirst());
    }

    /**
     * Waits until one leader runs, all others stream and one of them may take over (each of them, if a quorum decides), in the
     * view of one and by their own word.
     */
    public Node awaitWhole(Duration deadline) {
        long end = System.nanoTime() + deadline.toNanos();
        while (true) {
            for (Node node : nodes) {
                List<MemberView> members = membersSeenBy(node);
                Optional<Node> leader = MemberView.leaderOfAll(members, nodes.size(), profile.isOurs())
                        .map(m -> node(m.name()))
                        .filter(n -> isWholeBelow(n, members));
                if (leader.isPresent()) {
                    return leader.get();
                }
            }
            if (System.nanoTime() - end >= 0) {
                throw new AssertionError("the cluster is not whole after " + deadline.toMillis() + " ms: "
                        + nodes.stream().map(n -> n + " " + membersSeenBy(n)).toList());
            }
            Await.pause(100);
        }
    }

    /** Their records in the store outlive a crash for a moment; they themselves know better. */
    private boolean isWholeBelow(Node leader, List<MemberView> members) {
        return leader.healthCheck("/primary") == 200
                && othersThan(leader).stream()
                        .allMatch(n -> n.healthCheck("/replica") == 200
                                && (!MemberView.countsInAQuorum(members, n.name()) || n.healthCheck("/quorum") == 200))
                && nothingWouldBeLost(leader, members);
    }

    /**
     * With two nodes and more a commit must be waiting for a standby before a test may count on it, and the store must name
     * one: nobody else may take over.
     */
    private boolean nothingWouldBeLost(Node leader, List<MemberView> members) {
        if (nodes.size() == 1) {
            return true;
        }
        if (members.stream()
                .noneMatch(m -> m.role().equals("sync_standby") || m.role().equals("quorum_standby"))) {
            return false;
        }
        try (Connection connection = connect(leader)) {
            return !query(connection, "show synchronous_standby_names").isEmpty();
        } catch (SQLException notNow) {
            return false;
        }
    }

    /** A session on exactly this node; reads and writes end after 10 s at the latest. */
    public Connection connect(Node node) throws SQLException {
        Properties properties = new Properties();
        properties.putAll(node.jdbcProperties());
        return DriverManager.getConnection(node.jdbcUrl(), properties);
    }

    /** First column of the first row, as text. */
    public static String query(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            try (ResultSet rows = statement.executeQuery(sql)) {
                return rows.next() ? String.valueOf(rows.getString(1)) : "";
            }
        }
    }

    public int timeline(Node node) {
        return membersSeenBy(node).stream()
                .filter(m -> m.name().equals(node.name()))
                .mapToInt(MemberView::timeline)
                .findFirst()
                .orElse(0);
    }

    /** What its agents have logged. */
    public AgentLogs logs() {
        return new AgentLogs(nodes);
    }

    /** Stops everything and removes the folder. */
    @Override
    public void close() {
        for (Node node : nodes) {
            if (!ofTheDemo.contains(node)) {
                try {
                    node.stopAgent(DOWN);
                } catch (AssertionError tooLate) {
                    // Its guards and its server are among what the demo ends.
                    node.agentPid().ifPresent(pid -> Processes.signal("KILL", List.of(pid)));
                }
            }
        }
        demo("down", DOWN, "--purge").expectSuccess();
        ports.close();
    }
}
