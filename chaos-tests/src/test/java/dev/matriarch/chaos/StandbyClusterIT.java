package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Two sites: a cluster of one node, and one of three that follows it and changes roles with it. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class StandbyClusterIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);

    private static Cluster siteA;
    private static Cluster siteB;
    private static Node a;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> siteB);

    @RegisterExtension
    final LogsOnFailure logsOfTheFirstSite = new LogsOnFailure(() -> siteA);

    @BeforeAll
    static void up() throws IOException {
        siteA = Cluster.start(Cluster.Profile.APPLIANCE, 1);
        a = siteA.nodes().getFirst();
        siteA.ctl("edit-config", "-s", "slots.site_b={type: physical}", "--force")
                .expectSuccess();
        siteB = Cluster.start(Cluster.Profile.APPLIANCE, 3);
        siteB.down();
        for (Node node : siteB.nodes()) {
            // As if the hosts were new: only their configuration is there.
            for (String folder : List.of("data", "raft", "state")) {
                FreshNode.remove(node.home().resolve(folder));
            }
            String text = FreshNode.withPasswordsOf(a, Files.readString(node.config()));
            Files.writeString(
                    node.config(),
                    text.replace(
                            "\n  dcs:\n",
                            "\n  dcs:\n    standby_cluster: {host: '" + a.host() + "', port: " + a.port()
                                    + ", primary_slot_name: site_b}\n"));
        }
        siteB.nodes().forEach(Node::startAgent);
    }

    @AfterAll
    static void down() {
        for (Cluster site : new Cluster[] {siteB, siteA}) {
            if (site != null) {
                site.close();
            }
        }
    }

    /** The roles came from site A, their passwords too. */
    private static Connection connect(Node node) throws SQLException {
        Properties properties = new Properties();
        properties.putAll(a.jdbcProperties());
        return DriverManager.getConnection(node.jdbcUrl(), properties);
    }

    private static String ask(Node node, String sql) {
        try (Connection connection = connect(node)) {
            return Cluster.query(connection, sql);
        } catch (SQLException notNow) {
            return "";
        }
    }

    private static void run(Node node, String sql) throws SQLException {
        try (Connection connection = connect(node);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static Node awaitStandbyLeader(Cluster site, Optional<Node> otherThan) {
        return Await.value(
                "a standby leader",
                WHOLE,
                () -> site.nodes().stream()
                        .filter(n -> otherThan.filter(n::equals).isEmpty())
                        .filter(n -> n.healthCheck("/standby-leader") == 200)
                        .findFirst());
    }

    private static void awaitRows(Node node, String count) {
        Await.until(
                count + " rows on " + node,
                WHOLE,
                () -> ask(node, "select count(*) from sites").equals(count));
    }

    private static void awaitReplicas(int streaming) {
        Await.until(
                streaming + " streaming replicas of site B",
                WHOLE,
                () -> siteB.nodes().stream()
                        .anyMatch(n -> siteB.membersSeenBy(n).stream()
                                        .filter(m -> m.role().equals("replica")
                                                && m.state().equals("streaming"))
                                        .count()
                                == streaming));
    }

    /** The rows of the REST API that speak of a standby cluster. */
    @Test
    @Order(1)
    void eachEndpointOfAStandbyLeaderAndItsReplicas() {
        Node leader = awaitStandbyLeader(siteB, Optional.empty());
        awaitReplicas(2);
        saysYesTo(
                leader,
                "/leader /standby-leader /standby_leader /read-only /read-only-sync /read-only-synchronous"
                        + " /read-only-quorum /health /liveness /readiness");
        for (Node replica : siteB.othersThan(leader)) {
            saysYesTo(replica, "/replica /read-only /async /asynchronous /health /liveness /readiness");
        }
        assertEquals(200, leader.healthCheck("/standby-leader?tag_region=eu"), "tags are not for leaders");
        assertEquals(503, leader.healthCheck("/replica?lag=10GB"));
        contains(leader, "/patroni", "\"role\":\"standby_leader\"");
        contains(leader, "/cluster", "\"role\":\"standby_leader\"");
        contains(leader, "/metrics", "patroni_standby_leader{name=\"" + leader + "\",scope=\"demo\"} 1.0");
        contains(leader, "/metrics", "patroni_primary{name=\"" + leader + "\",scope=\"demo\"} 0.0");
        contains(
                siteB.othersThan(leader).getFirst(),
                "/metrics",
                "patroni_standby_leader{name=\"" + siteB.othersThan(leader).getFirst() + "\",scope=\"demo\"} 0.0");
        refused(leader, "/reinitialize", "{}", 503, "I am the leader, can not reinitialize");
        refused(leader, "/restart", "{\"role\":\"primary\"}", 503, "restart conditions are not satisfied");
        refused(leader, "/restart", "{\"role\":\"replica\"}", 503, "restart conditions are not satisfied");
        refused(
                siteB.othersThan(leader).getFirst(),
                "/restart",
                "{\"role\":\"standby_leader\"}",
                503,
                "restart conditions are not satisfied");
        refused(leader, "/switchover", "{\"leader\":\"n9\"}", 412, "leader name does not match");
    }

    private static void saysYesTo(Node node, String paths) {
        Set<String> expected = new TreeSet<>(List.of(paths.split(" ")));
        Await.until(
                node + " says yes to " + expected, WHOLE, () -> positive(node).equals(expected));
    }

    private static Set<String> positive(Node node) {
        return RestContractIT.CHECKS.stream()
                .filter(path -> node.healthCheck(path) == 200)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static void contains(Node node, String path, String text) {
        String body = Http.get(node.rest() + path, WHOLE).orElseThrow().body();
        assertTrue(body.contains(text), () -> node + path + ": " + body);
    }

    private static void refused(Node node, String path, String body, int status, String text) {
        HttpResponse<String> answer = Http.post(node.rest() + path, body, WHOLE).orElseThrow();
        assertEquals(status, answer.statusCode(), () -> path + " " + body + ": " + answer.body());
        assertTrue(answer.body().contains(text), answer::body);
    }

    @Test
    @Order(1)
    void theSecondSiteFollowsTheFirstThroughItsStandbyLeader() throws Exception {
        Node leader = awaitStandbyLeader(siteB, Optional.empty());
        awaitReplicas(2);
        run(a, "create table sites (id int)");
        run(a, "insert into sites values (1)");
        for (Node node : siteB.nodes()) {
            awaitRows(node, "1");
            assertEquals(503, node.healthCheck("/primary"), node + " is no primary");
            assertEquals("t", ask(node, "select pg_is_in_recovery()"));
            assertEquals("", ask(node, "show synchronous_standby_names"));
        }
        assertEquals(200, leader.healthCheck("/leader"));
        assertEquals("site_b", ask(leader, "show primary_slot_name"));
        assertEquals("true", ask(a, "select active::text from pg_replication_slots where slot_name = 'site_b'"));
        String list = siteB.ctl("list").expectSuccess().output();
        assertTrue(list.contains("Standby Leader"), list);
        assertTrue(
                siteB.membersSeenBy(leader).stream().anyMatch(m -> m.role().equals("standby_leader")),
                () -> siteB.membersSeenBy(leader).toString());
    }

    @Test
    @Order(2)
    void anotherMemberFollowsTheRemoteClusterWhenTheStandbyLeaderDies() throws Exception {
        Node first = awaitStandbyLeader(siteB, Optional.empty());
        Faults.AGENT_AND_POSTMASTER.strike(first);
        Node second = awaitStandbyLeader(siteB, Optional.of(first));
        assertNotEquals(first, second);
        Await.until(
                second + " streams from site A",
                WHOLE,
                () -> ask(second, "select sender_port from pg_stat_wal_receiver where status = 'streaming'")
                        .equals(String.valueOf(a.port())));
        run(a, "insert into sites values (2)");
        first.startAgent();
        awaitReplicas(2);
        for (Node node : siteB.nodes()) {
            awaitRows(node, "2");
        }
    }

    @Test
    @Order(3)
    void theSitesChangeRolesWithoutLoss() throws Exception {
        Node leader = awaitStandbyLeader(siteB, Optional.empty());
        run(a, "insert into sites values (3)");
        siteA.ctl("demote-cluster", "--host", leader.host(), "--port", String.valueOf(leader.port()), "--force")
                .expectSuccess();
        assertEquals("t", ask(a, "select pg_is_in_recovery()"));
        for (Node node : siteB.nodes()) {
            awaitRows(node, "3");
        }
        String promoted =
                siteB.ctl("promote-cluster", "--force").expectSuccess().output();
        assertTrue(promoted.contains("cluster is successfully promoted"), promoted);
        Node primary = siteB.awaitPrimary(WHOLE);
        assertEquals(leader, primary, "who led goes on leading");
        Await.until("the new timeline is published", WHOLE, () -> siteB.timeline(primary) == 2);
        run(primary, "insert into sites values (4)");
        for (Node node : siteB.nodes()) {
            awaitRows(node, "4");
        }
        // Whoever leads site B, site A follows it through the change of timelines.
        awaitRows(a, "4");
        assertEquals(200, a.healthCheck("/standby-leader"));
        assertEquals(503, a.healthCheck("/primary"));
    }

    @Test
    @Order(4)
    void anUnreachableRemoteIsSaidAndLosesNothing() throws Exception {
        siteA.ctl("edit-config", "-s", "standby_cluster.port=1", "--force").expectSuccess();
        Await.until("site A says so", WHOLE, () -> log(a).contains("did not answer"));
        assertEquals("4", ask(a, "select count(*) from sites"));
        assertEquals(200, a.healthCheck("/standby-leader"));
        Node primary = siteB.awaitPrimary(WHOLE);
        siteA.ctl("edit-config", "-s", "standby_cluster.port=" + primary.port(), "--force")
                .expectSuccess();
        run(primary, "insert into sites values (5)");
        awaitRows(a, "5");
    }

    private static String log(Node node) {
        try {
            return Files.readString(node.home().resolve("agent.log"));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
