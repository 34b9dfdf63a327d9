package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A coordinator of one node and a worker group of three; in the place of Citus, a stand-in in SQL. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class CitusIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);

    private static Cluster coordinator;
    private static Cluster workers;
    private static Node c1;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> workers);

    @RegisterExtension
    final LogsOnFailure logsOfTheCoordinator = new LogsOnFailure(() -> coordinator);

    @BeforeAll
    static void up() throws IOException {
        coordinator = Cluster.start(Cluster.Profile.APPLIANCE, 1);
        workers = Cluster.start(Cluster.Profile.APPLIANCE, 3);
        c1 = coordinator.nodes().getFirst();
        Path extension = CitusStandIn.make(coordinator.directory(), "shop");
        for (Cluster group : List.of(coordinator, workers)) {
            group.down();
            for (Node node : group.nodes()) {
                // As if the hosts were new: only their configuration is there.
                for (String folder : List.of("data", "raft", "state")) {
                    FreshNode.remove(node.home().resolve(folder));
                }
                String citus = group == coordinator
                        ? "citus: {group: 0, database: shop}"
                        : "citus: {group: 1, database: shop, coordinator: ['" + c1.grpc() + "']}";
                String text = FreshNode.withPasswordsOf(c1, Files.readString(node.config()))
                        .replace(
                                "\nbootstrap:\n",
                                "\n" + citus + "\n\nbootstrap:\n  post_bootstrap: " + extension + "/make\n")
                        .replace(
                                "\n      parameters:\n",
                                "\n      parameters:\n        dynamic_library_path: '" + extension + ":$libdir'\n");
                Files.writeString(node.config(), text);
            }
        }
        coordinator.nodes().forEach(Node::startAgent);
        workers.nodes().forEach(Node::startAgent);
    }

    @AfterAll
    static void down() {
        for (Cluster group : new Cluster[] {workers, coordinator}) {
            if (group != null) {
                group.close();
            }
        }
    }

    private static Connection connect(Node node) throws SQLException {
        Properties properties = new Properties();
        properties.putAll(c1.jdbcProperties());
        return DriverManager.getConnection(node.jdbcUrl().replaceFirst("postgres$", "shop"), properties);
    }

    private static String ask(Node node, String sql) {
        try (Connection connection = connect(node)) {
            return Cluster.query(connection, sql);
        } catch (SQLException notNow) {
            return "";
        }
    }

    private static String nodes() {
        return ask(
                c1,
                "SELECT string_agg(groupid || ' ' || nodename || ' ' || noderole, ', ' ORDER BY groupid, noderole, nodename)"
                        + " FROM pg_dist_node");
    }

    private static void awaitNodes(Node leader) {
        StringBuilder wanted = new StringBuilder("0 " + c1.host() + " primary, 1 " + leader.host() + " primary");
        workers.othersThan(leader)
                .forEach(n -> wanted.append(", 1 ").append(n.host()).append(" secondary"));
        Await.until("pg_dist_node to be " + wanted, WHOLE, () -> nodes().equals(wanted.toString()));
    }

    @Test
    @Order(1)
    void groupsFindEachOther() {
        coordinator.awaitPrimary(WHOLE);
        awaitNodes(workers.awaitPrimary(WHOLE));
        assertEquals("logical", ask(c1, "SHOW wal_level"));
        assertEquals("120", ask(c1, "SHOW max_prepared_transactions"));
        assertEquals("citus", ask(c1, "SHOW shared_preload_libraries"));
        assertEquals(c1.host(), ask(c1, "SHOW citus.local_hostname"));
        String list = coordinator.ctl("list").expectSuccess().output();
        assertTrue(list.contains(" Citus cluster: demo "), list);
        assertEquals(3, list.lines().filter(l -> l.startsWith("|     1 | n")).count(), list);
        String top = coordinator.ctl("top", "--count", "1").expectSuccess().output();
        assertEquals(3, top.lines().filter(l -> l.startsWith("|     1 | n")).count(), top);
        String page = Http.get(c1.rest() + "/ui/state", Duration.ofSeconds(10))
                .map(HttpResponse::body)
                .orElse("");
        assertTrue(page.contains("{\"number\":0,\"own\":true,"), page);
        assertTrue(page.contains("{\"number\":1,\"own\":false,"), page);
        Await.until(
                "a worker's agent to know of the coordinator",
                WHOLE,
                () -> workers.ctl("list", "--group", "0").output().contains("(group: 0, "));
    }

    @Test
    @Order(2)
    void sqlGoesToTheGroupAndTheRoleThatAreMeant() {
        Node leader = workers.awaitPrimary(WHOLE);
        Map<String, String> environment = Map.of("PGUSER", "postgres", "PGPASSWORD", c1.password());
        String where = "SELECT host(inet_server_addr()) AS host, pg_is_in_recovery() AS standby";
        assertEquals(
                "host\tstandby\n" + c1.host() + "\tf\n",
                coordinator
                        .ctl(environment, "query", "--group", "0", "-c", where)
                        .expectSuccess()
                        .output());
        assertEquals(
                "host\tstandby\n" + leader.host() + "\tf\n",
                coordinator
                        .ctl(environment, "query", "--group", "1", "-d", "shop", "-c", where)
                        .expectSuccess()
                        .output());
        String replica = coordinator
                .ctl(environment, "query", "--group", "1", "-r", "replica", "-c", where)
                .expectSuccess()
                .output();
        assertTrue(replica.endsWith("\tt\n"), replica);
        Commands.Result wrong = coordinator.ctl(environment, "query", "-m", c1.name(), "-c", "SELECT * FROM nothing");
        assertEquals(1, wrong.exitCode(), wrong.output());
        assertTrue(wrong.output().contains("ERROR, SQLSTATE: 42P01"), wrong.output());
    }

    @Test
    @Order(3)
    void aWorkerSwitchesOverWithoutAFailedStatement() throws Exception {
        Node leader = workers.awaitPrimary(WHOLE);
        AtomicBoolean enough = new AtomicBoolean();
        AtomicInteger done = new AtomicInteger();
        List<String> failures = new ArrayList<>();
        try (Connection connection = connect(c1);
                Statement statement = connection.createStatement()) {
            statement.execute("SELECT run_on(1, 'CREATE TABLE t (n int PRIMARY KEY)')");
            Thread client = Thread.ofPlatform().start(() -> {
                while (!enough.get()) {
                    try {
                        statement.execute("SELECT run_on(1, 'INSERT INTO t VALUES (" + done.get() + ")')");
                        done.incrementAndGet();
                    } catch (SQLException e) {
                        failures.add(e.getMessage());
                        return;
                    }
                }
            });
            Await.until("statements", WHOLE, () -> done.get() > 5 || !failures.isEmpty());
            coordinator
                    .ctl("switchover", "--group", "1", "--leader", leader.name(), "--force")
                    .expectSuccess();
            Node next = workers.awaitPrimaryOtherThan(leader, WHOLE);
            int before = done.get();
            Await.until("more statements", WHOLE, () -> done.get() > before + 5 || !failures.isEmpty());
            enough.set(true);
            client.join(10_000);
            assertEquals(List.of(), failures);
            assertEquals(String.valueOf(done.get()), ask(next, "SELECT count(*) FROM t"));
            awaitNodes(next);
        }
    }

    @Test
    @Order(4)
    void aWorkerThatDiesIsReplaced() {
        Node leader = workers.awaitPrimary(WHOLE);
        Faults.AGENT_AND_POSTMASTER.strike(leader);
        Node next = workers.awaitPrimaryOtherThan(leader, WHOLE);
        Await.until(
                "the coordinator to reach the new leader",
                WHOLE,
                () -> ask(c1, "SELECT run_on(1, 'INSERT INTO t VALUES (-1)')").startsWith("INSERT"));
        assertEquals("1", ask(next, "SELECT count(*) FROM t WHERE n = -1"));
        leader.startAgent();
        awaitNodes(next);
    }
}
