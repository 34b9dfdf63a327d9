package dev.matriarch.agent.sharding;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.CitusConfig;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.agent.postgres.TestServers;
import dev.matriarch.agent.postgres.Unprivileged;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** On a real server, with a stand-in for the catalogue functions of Citus. */
@ExtendWith(Unprivileged.class)
@Tag("slow")
class CitusTest {
    private static final Citus.Timing TIMING =
            new Citus.Timing(Duration.ofSeconds(10), Duration.ofMillis(100), Duration.ofSeconds(2));

    private static TestServers servers;
    private static PostgresServer server;

    private interface Body {
        void run() throws Exception;
    }

    /** Each test method has a process of its own, and so a server; each body has a database. */
    private static void onAServer(Body... bodies) throws Exception {
        servers = new TestServers();
        try {
            server = servers.primary("c1");
            for (Body body : bodies) {
                database();
                body.run();
            }
        } finally {
            servers.close();
        }
    }

    private static String standIn() throws Exception {
        try (var in = CitusTest.class.getResourceAsStream("citus-stand-in.sql")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Anew. */
    private static void database() throws Exception {
        run("postgres", "DROP DATABASE IF EXISTS shop WITH (FORCE)");
        run("postgres", "CREATE DATABASE shop");
        run("shop", standIn());
        run(
                "shop",
                "INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)"
                        + " VALUES (99999, 'citus', 10, 'public'::regnamespace, false, '0')");
    }

    private static void run(String database, String sql) throws SQLException {
        try (Connection connection = server.connect("test", database, TestServers.LONG);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static String ask(String sql) throws SQLException {
        try (Connection connection = server.connect("test", "shop", TestServers.LONG);
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            List<String> all = new ArrayList<>();
            while (rows.next()) {
                all.add(rows.getString(1));
            }
            return String.join(" ", all);
        }
    }

    private static String nodes() throws SQLException {
        return ask("SELECT groupid || ':' || nodename || ':' || noderole FROM pg_dist_node ORDER BY groupid, noderole,"
                + " nodename");
    }

    private static void awaitNodes(String wanted) throws Exception {
        long deadline = System.nanoTime() + TestServers.LONG.toNanos();
        while (!nodes().equals(wanted)) {
            assertTrue(System.nanoTime() < deadline, () -> {
                try {
                    return wanted + " expected, found " + nodes();
                } catch (SQLException e) {
                    return e.toString();
                }
            });
            Thread.sleep(20);
        }
    }

    /** Calls that reach this coordinator at once. */
    private static Sharding.CoordinatorCalls calls(Citus coordinator) {
        return new Sharding.CoordinatorCalls() {
            @Override
            public List<Sharding.Answer> announce(Sharding.Announcement announcement, Duration timeout) {
                return List.of(coordinator.announced(announcement));
            }

            @Override
            public Sharding.EventAnswer event(String scope, Event event, Duration timeout) throws InterruptedException {
                return coordinator.event(event);
            }
        };
    }

    private static Citus coordinator() {
        return new Citus("demo", "c1", new CitusConfig(0, "shop", List.of()), server, null, () -> TIMING);
    }

    private static Citus worker(String me, Citus coordinator, Duration ttl) {
        CitusConfig config = new CitusConfig(1, "shop", List.of(new HostPort("c1", 8009)));
        return new Citus(
                "demo",
                me,
                config,
                server,
                calls(coordinator),
                () -> new Citus.Timing(ttl, TIMING.loopWait(), TIMING.retryTimeout()));
    }

    private static Member member(String name, boolean primary) {
        return Member.named(name)
                .connUrl("postgres://" + name + ":5432/postgres")
                .apiUrl("http://" + name + ":8008/patroni")
                .rpcAddress(name + ":8009")
                .role(primary ? "primary" : "replica")
                .version("1")
                .build();
    }

    private static ClusterView view(long epoch, String leader, String... members) {
        ClusterView v = ClusterView.empty();
        List<Member> all = new ArrayList<>();
        for (String name : members) {
            all.add(member(name, name.equals(leader)));
        }
        return new ClusterView(
                1,
                v.initialize(),
                v.config(),
                Optional.of(new Leader(leader, epoch)),
                all,
                v.status(),
                v.failover(),
                v.history(),
                v.sync(),
                v.failsafe());
    }

    /** A statement of a client that needs group 1: where it is sent to. */
    private static Future<String> client() {
        CompletableFuture<String> answer = new CompletableFuture<>();
        Thread.ofVirtual().start(() -> {
            try (Connection connection = server.connect("client", "shop", TestServers.LONG);
                    Statement statement = connection.createStatement()) {
                connection.setAutoCommit(false);
                statement.execute("SELECT hold_group(1)");
                try (ResultSet rows = statement.executeQuery(
                        "SELECT nodename FROM pg_dist_node WHERE groupid = 1 AND noderole = 'primary'")) {
                    rows.next();
                    answer.complete(rows.getString(1));
                }
            } catch (SQLException e) {
                answer.completeExceptionally(e);
            }
        });
        return answer;
    }

    private static void waits(Future<String> client) throws ExecutionException, InterruptedException {
        assertThrows(TimeoutException.class, () -> client.get(300, TimeUnit.MILLISECONDS));
    }

    @Test
    void workersRegisterThemselvesAndSwitchOverWithoutFailingClients() throws Exception {
        onAServer(CitusTest::workersRegister, CitusTest::clientsWaitForTheNewLeader);
    }

    private static void workersRegister() throws Exception {
        try (Citus coordinator = coordinator();
                Citus w1 = worker("w1", coordinator, TIMING.ttl());
                Citus w2 = worker("w2", coordinator, TIMING.ttl())) {
            w1.seen(view(1, "w1", "w1", "w2"), true);
            w2.seen(view(1, "w1", "w1", "w2"), false);
            coordinator.seen(view(1, "c1", "c1"), true);
            awaitNodes("0:c1:primary 1:w1:primary 1:w2:secondary");
            w1.seen(view(1, "w1", "w1"), true);
            awaitNodes("0:c1:primary 1:w1:primary");
            assertEquals(
                    List.of(0, 1),
                    coordinator.groups().stream().map(Group::number).toList());
            assertEquals(List.of("w1:8009"), coordinator.groups().get(1).endpoints());
        }
    }

    private static void clientsWaitForTheNewLeader() throws Exception {
        try (Citus coordinator = coordinator();
                Citus w1 = worker("w1", coordinator, TIMING.ttl());
                Citus w2 = worker("w2", coordinator, TIMING.ttl())) {
            coordinator.seen(view(1, "c1", "c1"), true);
            w1.seen(view(1, "w1", "w1", "w2"), true);
            w2.seen(view(1, "w1", "w1", "w2"), false);
            awaitNodes("0:c1:primary 1:w1:primary 1:w2:secondary");
            assertEquals("w1", client().get(10, TimeUnit.SECONDS));
            w1.beforeDemote();
            Future<String> waiting = client();
            waits(waiting);
            assertEquals("w1", ask("SELECT nodename FROM pg_dist_node WHERE groupid = 1 AND noderole = 'primary'"));
            w2.seen(view(2, "w2", "w1", "w2"), false);
            w2.beforePromote();
            waits(waiting);
            // As through REST, which names the member only.
            Node named = new Node("nobody", "", 0, true);
            assertTrue(coordinator
                    .event(new Event(
                            Event.Type.AFTER_PROMOTE, 1, named, 0, Duration.ofSeconds(5), Duration.ofSeconds(1)))
                    .problem()
                    .contains("'nobody'"));
            named = new Node("w2", "", 0, true);
            assertEquals(
                    "",
                    coordinator
                            .event(new Event(
                                    Event.Type.BEFORE_PROMOTE,
                                    1,
                                    named,
                                    0,
                                    Duration.ofSeconds(5),
                                    Duration.ofSeconds(1)))
                            .problem());
            w2.afterPromote();
            assertEquals("w2", waiting.get(10, TimeUnit.SECONDS));
            // What the former leader still says does not count.
            w1.seen(view(1, "w1", "w1", "w2"), true);
            w2.seen(view(2, "w2", "w1", "w2"), true);
            awaitNodes("0:c1:primary 1:w2:primary 1:w1:secondary");
        }
    }

    @Test
    void failoversOfWorkersAndOfTheCoordinatorMoveTheirRows() throws Exception {
        onAServer(
                CitusTest::aFailoverOfAWorkerMovesItsRow,
                CitusTest::theNewLeaderOfTheCoordinatorGoesOn,
                CitusTest::clientsGoOnIfNobodyIsPromotedInTime);
    }

    private static void aFailoverOfAWorkerMovesItsRow() throws Exception {
        try (Citus coordinator = coordinator();
                Citus w2 = worker("w2", coordinator, TIMING.ttl())) {
            Citus w1 = worker("w1", coordinator, TIMING.ttl());
            coordinator.seen(view(1, "c1", "c1"), true);
            w1.seen(view(1, "w1", "w1", "w2"), true);
            awaitNodes("0:c1:primary 1:w1:primary 1:w2:secondary");
            String id = ask("SELECT nodeid FROM pg_dist_node WHERE groupid = 1 AND noderole = 'primary'");
            w1.close();
            // Told by nothing but its announcement.
            w2.seen(view(2, "w2", "w2"), true);
            awaitNodes("0:c1:primary 1:w2:primary");
            assertEquals(id, ask("SELECT nodeid FROM pg_dist_node WHERE groupid = 1"));
        }
    }

    private static void clientsGoOnIfNobodyIsPromotedInTime() throws Exception {
        try (Citus coordinator = coordinator();
                Citus w1 = worker("w1", coordinator, Duration.ofSeconds(1))) {
            coordinator.seen(view(1, "c1", "c1"), true);
            w1.seen(view(1, "w1", "w1"), true);
            awaitNodes("0:c1:primary 1:w1:primary");
            w1.beforeDemote();
            assertEquals("w1", client().get(10, TimeUnit.SECONDS));
        }
    }

    private static void theNewLeaderOfTheCoordinatorGoesOn() throws Exception {
        try (Citus former = coordinator();
                Citus next = coordinator();
                Citus w1 = worker("w1", next, TIMING.ttl())) {
            former.seen(view(1, "c1", "c1", "c2"), true);
            awaitNodes("0:c1:primary 0:c2:secondary");
            former.seen(view(2, "c2", "c1", "c2"), false);
            assertFalse(former.event(new Event(
                            Event.Type.BEFORE_DEMOTE,
                            1,
                            new Node("w1", "w1", 5432, true),
                            1,
                            Duration.ofSeconds(1),
                            Duration.ofSeconds(1)))
                    .leads());
            next.seen(view(2, "c2", "c1", "c2"), true);
            w1.seen(view(1, "w1", "w1"), true);
            awaitNodes("0:c2:primary 0:c1:secondary 1:w1:primary");
        }
    }

    @Test
    void aWorkerOfAnotherDatabaseIsRefusedWithTheReason() {
        try (Citus coordinator = coordinator()) {
            Sharding.Answer answer = coordinator.announced(
                    new Sharding.Announcement("demo", "other", new Group(1, 1, List.of(), List.of()), true));
            assertTrue(answer.problem().contains("'shop'"), answer::problem);
            assertEquals(List.of(), coordinator.groups());
        }
    }

    @Test
    void theDatabaseIsMadeReadyOnceAndTheGroupsKnowThePassword() throws Exception {
        onAServer(CitusTest::theDatabaseIsMadeReady);
    }

    private static void theDatabaseIsMadeReady() throws Exception {
        try (Citus coordinator = coordinator()) {
            coordinator.founded();
            coordinator.founded();
            assertEquals("1", ask("SELECT count(*) FROM pg_dist_authinfo WHERE authinfo LIKE 'password=%'"));
            run("shop", "DELETE FROM pg_extension WHERE extname = 'citus'");
            assertTrue(assertThrows(PostgresException.class, coordinator::founded)
                    .getMessage()
                    .contains("Is the extension installed"));
        }
    }
}
