package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer.OrderAnnotation;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * What stands between clients and the cluster, each with the configuration that is shipped: HAProxy, PgBouncer, keepalived, strings of
 * several hosts, and a file made of a template. All of them watch the same switchover and the same death of a host's processes.
 */
@TestMethodOrder(OrderAnnotation.class)
class FriendsIT {
    /** HAProxy's ports, before the offset of the cluster. */
    private static final int WRITES = 5000;

    private static final int READS = 5001;
    private static final int SYNC_READS = 5002;
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Cluster.Profile PROFILE = Cluster.Profile.APPLIANCE;

    @TempDir
    private static Path directory;

    /** A PgBouncer that hangs. */
    private static ServerSocket silent;

    private static Cluster cluster;
    private static Daemon haproxy;
    private static Pooler pooler;
    /** Null where it cannot be started. */
    private static Keepalived keepalived;

    private static Node primary;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    @BeforeAll
    static void up() throws IOException {
        assumeTrue(Pooler.program().isPresent(), "pgbouncer was not unpacked: see ./check");
        silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        cluster = Cluster.start(PROFILE, 3);
        pooler = new Pooler(cluster);
        for (Node node : cluster.nodes()) {
            String hook = '"' + pooler.hook(node) + "\"\n";
            String lines = "postgresql:\n  before_stop: \"" + pooler.hookWithASilentOne(node, silent.getLocalPort())
                    + "\"\n  callbacks:\n";
            for (String event : List.of("on_start", "on_restart", "on_role_change")) {
                lines += "    " + event + ": " + hook;
            }
            String old = Files.readString(node.config());
            Files.writeString(node.config(), old.replace("\npostgresql:\n", "\n" + lines));
        }
        cluster.ctl("reload", "demo", "--force").expectSuccess();
        primary = cluster.awaitWhole(WHOLE);
        haproxy = new Daemon(
                directory.resolve("haproxy.log"),
                Map.of(),
                List.of(
                        "/usr/sbin/haproxy",
                        "-db",
                        "-f",
                        cluster.directory().resolve("haproxy.cfg").toString()));
        pooler.start(Pooler.program().get());
        if (Keepalived.program().isPresent() && Keepalived.mayMakeNamespaces()) {
            Path home = Files.createDirectory(directory.resolve("keepalived"));
            keepalived = new Keepalived(
                    Keepalived.program().get(),
                    cluster.nodes(),
                    cluster.directory().resolve("dist/conf/keepalived.conf"),
                    home);
        }
        try (Connection connection = cluster.connect(primary);
                Statement statement = connection.createStatement()) {
            statement.execute("create table pooled (n bigserial primary key)");
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    @AfterAll
    static void down() {
        Stream.of(keepalived, pooler, haproxy, cluster, silent)
                .filter(one -> one != null)
                .forEach(one -> {
                    try {
                        one.close();
                    } catch (Exception e) {
                        throw new AssertionError(e);
                    }
                });
    }

    private static String each(Function<Node, String> part) {
        return cluster.nodes().stream().map(part).collect(Collectors.joining(","));
    }

    /** The address of the server that a psql with this string of several hosts ends at; empty if at none. */
    private static Optional<String> libpq(String targetSessionAttrs) {
        String dsn = "host=" + each(Node::host) + " port=" + each(n -> Integer.toString(n.port()))
                + " dbname=postgres user=postgres connect_timeout=3 target_session_attrs=" + targetSessionAttrs;
        Commands.Result result = Commands.run(
                Duration.ofSeconds(30),
                Map.of("PGPASSWORD", cluster.nodes().getFirst().password()),
                List.of(psql(), "-qAtX", "-c", "select host(inet_server_addr())", dsn));
        return result.exitCode() == 0 ? Optional.of(result.output().strip()) : Optional.empty();
    }

    private static String psql() {
        try {
            return Stream.concat(
                                    Files.readAllLines(
                                                    cluster.nodes().getFirst().config())
                                            .stream()
                                            .map(String::strip)
                                            .filter(l -> l.startsWith("bin_dir: "))
                                            .map(l -> l.substring("bin_dir: ".length())),
                                    Stream.of("/usr/bin"))
                            .findFirst()
                            .orElseThrow()
                    + "/psql";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Optional<String> jdbc(String targetServerType) {
        return address(
                each(n -> n.host() + ":" + n.port()),
                "?targetServerType=" + targetServerType
                        + "&hostRecheckSeconds=1&connectTimeout=2&loginTimeout=10&socketTimeout=10");
    }

    /** The server behind a port of this machine; empty if there is none now. */
    private static Optional<String> through(int port) {
        return address("127.0.0.1:" + port, "?connectTimeout=2&loginTimeout=10&socketTimeout=10&prepareThreshold=0");
    }

    private static Optional<String> address(String hosts, String parameters) {
        try (Connection connection = connect(hosts, parameters)) {
            return Optional.of(Cluster.query(connection, "select host(inet_server_addr())"));
        } catch (SQLException notNow) {
            return Optional.empty();
        }
    }

    private static Connection connect(String hosts, String parameters) throws SQLException {
        Properties properties = new Properties();
        properties.put("user", "postgres");
        properties.put("password", cluster.nodes().getFirst().password());
        return DriverManager.getConnection("jdbc:postgresql://" + hosts + "/postgres" + parameters, properties);
    }

    private static void reaches(String who, Node node, Supplier<Optional<String>> address) {
        Await.value(who + " reaches " + node, WHOLE, () -> address.get().filter(node.host()::equals));
    }

    private static void leadsElsewhere(String who, Node leader, Supplier<Optional<String>> address) {
        Await.value(who + " reaches a replica", WHOLE, () -> address.get().filter(a -> !a.equals(leader.host())));
    }

    private static void everybodyReaches(Node node) {
        reaches("HAProxy's port for writes", node, () -> through(WRITES + cluster.portOffset()));
        reaches("PgBouncer", node, () -> through(pooler.port()));
        reaches("libpq", node, () -> libpq("read-write"));
        reaches("the JDBC driver", node, () -> jdbc("primary"));
        String line = "* = host=" + node.host() + " port=" + node.port();
        Await.until("the rendered file names " + node, WHOLE, () -> {
            try {
                return Files.readString(pooler.databases()).contains(line);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        if (keepalived != null) {
            Await.until(
                    "the address is at " + node + " and nowhere else; " + keepalived,
                    WHOLE,
                    () -> keepalived.holders().equals(Set.of(node.name())));
            Await.value(
                    "a client finds " + node + " at the address",
                    WHOLE,
                    () -> keepalived.answers().filter(node.name()::equals));
        }
    }

    private static void readersReachAReplica(Node leader) {
        leadsElsewhere("HAProxy's port for reads", leader, () -> through(READS + cluster.portOffset()));
        leadsElsewhere("HAProxy's port for voters", leader, () -> through(SYNC_READS + cluster.portOffset()));
        leadsElsewhere("libpq", leader, () -> libpq("prefer-standby"));
        leadsElsewhere("the JDBC driver", leader, () -> jdbc("preferSecondary"));
    }

    @Test
    @Order(1)
    void eachFindsThePrimaryAndReaders() throws IOException {
        everybodyReaches(primary);
        readersReachAReplica(primary);
    }

    @Test
    @Order(2)
    void haproxysFileCanBeWrittenOfTheMembers() throws IOException {
        Path file = directory.resolve("rendered.cfg");
        Commands.Result printed = cluster.ctl(
                "render",
                cluster.directory().resolve("dist/conf/haproxy.cfg.mustache").toString());
        Files.writeString(file, printed.expectSuccess().output());
        for (Node node : cluster.nodes()) {
            String line = "    server " + node + " " + node.host() + ":" + node.port() + " addr " + node.host()
                    + " port " + node.rest().replaceFirst(".*:", "");
            assertEquals(3, printed.output().lines().filter(line::equals).count(), printed::output);
        }
        Commands.run(Duration.ofSeconds(20), "/usr/sbin/haproxy", "-c", "-f", file.toString())
                .expectSuccess();
    }

    /** So that a missing one is not overlooked. */
    @Test
    @Order(3)
    void keepalivedRuns() {
        assumeTrue(keepalived != null, "keepalived was not unpacked, or this user may make no network namespaces");
        assertTrue(keepalived.toString().contains("Entering MASTER STATE"), keepalived::toString);
    }

    /** A reader of the member that becomes primary: its server lives, only HAProxy can end its session. */
    @Test
    @Order(4)
    void aSwitchoverIsAPauseToPooledClientsAndMovesEverybody() throws Exception {
        String reads = "127.0.0.1:" + (READS + cluster.portOffset());
        try (Connection reader = connect(reads, "?connectTimeout=2&socketTimeout=20");
                PooledClient client = new PooledClient(
                        pooler.port(), cluster.nodes().getFirst().password())) {
            String host = Cluster.query(reader, "select host(inet_server_addr())");
            Node candidate = cluster.nodes().stream()
                    .filter(n -> n.host().equals(host))
                    .findFirst()
                    .orElseThrow();
            assertNotEquals(primary, candidate);
            Await.until("the pooled client writes", WHOLE, () -> client.acknowledged() > 20);
            watchTheAddress();
            cluster.ctl("switchover", "--leader", primary.name(), "--candidate", candidate.name(), "--force")
                    .expectSuccess();
            Node old = primary;
            primary = candidate;
            long before = client.acknowledged();
            Await.until("the pooled client goes on; " + pooler, WHOLE, () -> client.acknowledged() > before + 20);
            everybodyReaches(candidate);
            assertTheAddressWasNeverAtTwo();
            assertThrows(
                    SQLException.class,
                    () -> Cluster.query(reader, "select 1"),
                    "HAProxy has closed the session of a reader whose member became primary");
            assertEquals(List.of(), client.errors(), () -> "errors of a client behind PgBouncer; " + pooler);
            String log = Files.readString(old.home().resolve("agent.log"));
            assertTrue(log.contains("postgres is paused"), log);
            assertTrue(
                    log.contains("port=" + silent.getLocalPort() + " cannot be told to pause"),
                    () -> "the silent one is named: " + log);
            System.out.println("A switchover to a client behind PgBouncer: no error, its longest statement took "
                    + client.slowestMillis() + " ms");
        }
        assertEquals(primary, cluster.awaitWhole(WHOLE));
        readersReachAReplica(primary);
    }

    @Test
    @Order(5)
    void theDeathOfThePrimaryMovesEverybody() throws Exception {
        try (PooledClient client =
                new PooledClient(pooler.port(), cluster.nodes().getFirst().password())) {
            Await.until("the pooled client writes", WHOLE, () -> client.acknowledged() > 20);
            watchTheAddress();
            Faults.HOST.strike(primary);
            Node next = cluster.awaitPrimaryOtherThan(primary, WHOLE);
            everybodyReaches(next);
            assertTheAddressWasNeverAtTwo();
            long before = client.acknowledged();
            Await.until("the pooled client writes again; " + pooler, WHOLE, () -> client.acknowledged() > before + 20);
            assertEquals(
                    Optional.of(next.host()),
                    jdbc("any").map(any -> jdbc("primary").orElse("")));
        }
    }

    private static void watchTheAddress() {
        if (keepalived != null) {
            keepalived.watch();
        }
    }

    private static void assertTheAddressWasNeverAtTwo() {
        if (keepalived != null) {
            assertEquals("", keepalived.endWatch(), "nodes that had the address at the same time");
        }
    }
}
