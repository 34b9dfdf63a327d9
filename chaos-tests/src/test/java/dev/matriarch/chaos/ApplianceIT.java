package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * The three-node appliance under {@code kill -9}. One cluster serves all tests; each begins and ends with it whole.
 * Bounds are promises of safety or generous limits against hanging: speed is measured by {@code bench/run}.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ApplianceIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Cluster.Profile PROFILE = Cluster.Profile.APPLIANCE;

    /** A failover takes at most ttl + 0.5 s; the rest is for slow test machines. */
    private static final Duration FAILOVER = PROFILE.ttl().plusSeconds(10);

    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Node leader;

    @BeforeAll
    static void up() {
        cluster = Cluster.start(PROFILE, 3);
    }

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @BeforeEach
    void whole() {
        for (Node node : cluster.nodes()) {
            if (node.agentPid().isEmpty()) {
                node.startAgent();
            }
        }
        leader = cluster.awaitWhole(WHOLE);
    }

    @Test
    @Order(1)
    void listShowsOneLeaderAndTwoStreamingReplicas() {
        String list = cluster.ctl("list").expectSuccess().output();
        assertEquals(1, occurrences(list, "Leader"), list);
        assertEquals(2, occurrences(list, "streaming"), list);
        assertTrue(cluster.upOutput().contains("target_session_attrs=read-write"), cluster.upOutput());
        List<Node> primaries = cluster.nodes().stream()
                .filter(n -> n.healthCheck("/primary") == 200)
                .toList();
        assertEquals(List.of(leader), primaries);
        cluster.othersThan(leader).forEach(n -> assertEquals(200, n.healthCheck("/replica"), n + " /replica"));
        assertEquals(503, leader.healthCheck("/replica"));
    }

    /** The first cluster of a build makes it. A single test asks for none: {@code ./check} does. */
    @Test
    @Order(1)
    void agentsStartFromACacheOfTheirClasses() throws IOException {
        assumeTrue("yes".equals(System.getenv("MATRIARCH_TRAIN")), "nobody asked for a cache");
        for (Node node : cluster.nodes()) {
            Path maps = Path.of("/proc", Long.toString(node.requireAgent()), "maps");
            assertTrue(Files.readString(maps).contains("/matriarch.aot"), node + " has mapped no cache");
        }
    }

    @Test
    @Order(2)
    void upAgainChangesNothing() {
        List<Long> before = processes();
        cluster.up();
        assertEquals(before, processes());
    }

    @Test
    @Order(3)
    void postmasterKilledComesBackOnItsTimeline() {
        int timeline = cluster.timeline(leader);
        Set<Long> missing;
        try (Writer writer = Writer.start(cluster, "postmaster_killed")) {
            long moment = Faults.POSTMASTER.strike(leader).done();
            Writer.Acknowledged again = writer.awaitConnectedAfter(moment, FAILOVER);
            assertEquals(leader.name(), again.node());
            writer.stop();
            missing = writer.missingOn(leader);
        }
        Violation.ifMissing(missing);
        cluster.awaitWhole(WHOLE);
        assertEquals(timeline, cluster.timeline(leader));
    }

    @Test
    @Order(4)
    void switchoverHandsOverWithoutLoss() {
        Node candidate = cluster.othersThan(leader).getFirst();
        int timeline = cluster.timeline(leader);
        try (Writer writer = Writer.start(cluster, "switchover")) {
            long moment = System.nanoTime();
            cluster.ctl("switchover", "--leader", leader.name(), "--candidate", candidate.name(), "--force")
                    .expectSuccess();
            Writer.Acknowledged first = writer.awaitElsewhere(leader, moment, FAILOVER);
            assertEquals(candidate.name(), first.node());
            writer.stop();
            Violation.ifMissing(writer.missingOn(candidate));
        }
        assertEquals(candidate, cluster.awaitWhole(WHOLE));
        assertEquals(timeline + 1, cluster.timeline(candidate));
    }

    @Test
    @Order(5)
    void agentRestartedWithinItsLeaseKeepsItsPostgres() {
        // The last renewal was up to a second old, and the guards act half a second before the lease ends.
        Duration sure = PROFILE.ttl().minusMillis(1_500);
        List<Long> tooSlow = new ArrayList<>();
        while (true) {
            long postmaster = leader.requirePostmaster();
            int timeline = cluster.timeline(leader);
            long struck = Faults.AGENT.strike(leader).begun();
            leader.startAgent();
            Await.until("somebody leads", FAILOVER, () -> cluster.primary().isPresent());
            Duration took = Duration.ofNanos(System.nanoTime() - struck);
            if (took.compareTo(sure) < 0) {
                assertEquals(200, leader.healthCheck("/primary"));
                assertEquals(leader, cluster.awaitWhole(WHOLE));
                assertEquals(Optional.of(postmaster), leader.postmasterPid());
                assertEquals(timeline, cluster.timeline(leader));
                return;
            }
            // A machine that was busy elsewhere gets another chance; being late every time is a fault.
            tooSlow.add(took.toMillis());
            assertTrue(
                    tooSlow.size() < 3, "the new agent was back after " + tooSlow + " ms, wanted " + sure.toMillis());
            leader = cluster.awaitWhole(WHOLE);
        }
    }

    @Test
    @Order(6)
    void nodeLossMovesThePrimaryAndTheOldNodeRejoins() {
        int timeline = cluster.timeline(leader);
        try (Writer writer = Writer.start(cluster, "node_loss")) {
            long moment = Faults.AGENT_AND_POSTMASTER.strike(leader).done();
            writer.awaitElsewhere(leader, moment, FAILOVER);
            Node next = cluster.awaitPrimaryOtherThan(leader, FAILOVER);
            leader.startAgent();
            assertEquals(next, cluster.awaitWhole(WHOLE), "the new primary stays");
            writer.stop();
            Violation.ifMissing(writer.missingOn(next));
            assertTrue(cluster.timeline(next) > timeline);
        }
    }

    @Test
    @Order(7)
    void primaryWithoutAgentIsFencedAtItsDeadline() {
        assertFenced(Faults.AGENT);
    }

    @Test
    @Order(8)
    void primaryWithHangingAgentIsFencedAtItsDeadline() {
        long agent = leader.requireAgent();
        try {
            assertFenced(Faults.AGENT_STOPPED);
        } finally {
            Processes.signal("CONT", List.of(agent));
        }
        assertNotEquals(leader, cluster.awaitWhole(WHOLE));
    }

    @Test
    @Order(9)
    void primaryWithoutAgentAndOneGuardIsFencedAtItsDeadline() {
        assertFenced(Faults.AGENT_AND_ONE_GUARD);
    }

    /** The old primary acknowledges nothing after its lease deadline, nothing beside the new one, and loses nothing. */
    private void assertFenced(Faults fault) {
        Node old = leader;
        try (Writer writer = Writer.start(cluster, "fence")) {
            long moment = fault.strike(old).done();
            Writer.Acknowledged elsewhere = writer.awaitElsewhere(old, moment, FAILOVER);
            // The lease was renewed before the fault, so its deadline is at most ttl after it.
            Await.until(
                    "the old postmaster ends",
                    Duration.ofSeconds(5),
                    () -> old.postmasterPid().isEmpty());
            writer.stop();
            long last = writer.lastOf(old).orElseThrow().acknowledgedNanos();
            assertTrue(
                    last - moment <= PROFILE.ttl().toNanos(),
                    "a commit " + (last - moment) / 1_000_000 + " ms after the agent was lost");
            assertTrue(last - elsewhere.acknowledgedNanos() < 0, "two primaries took commits at the same time");
            Node next = cluster.awaitPrimaryOtherThan(old, FAILOVER);
            Violation.ifMissing(writer.missingOn(next));
        }
    }

    @Test
    @Order(10)
    void memberWithWipedStoreJoinsAgain() throws IOException {
        Node wiped = cluster.othersThan(leader).getFirst();
        long agent = wiped.requireAgent();
        Processes.signal("TERM", List.of(agent));
        Await.until("the agent ends", Duration.ofSeconds(30), () -> !Processes.alive(agent));
        deleteContent(wiped.home().resolve("raft"));
        wiped.startAgent();
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        assertEquals(200, wiped.healthCheck("/replica"));
    }

    @Test
    @Order(11)
    void haproxySendsWritesToThePrimaryAndReadsToReplicas() throws Exception {
        assumeTrue(
                Stream.of("/usr/sbin/haproxy", "/usr/local/sbin/haproxy").anyMatch(p -> Files.isExecutable(Path.of(p))),
                "haproxy is not installed");
        Path log = Files.createTempFile("matriarch-haproxy", ".log");
        Process haproxy = new ProcessBuilder(
                        "/usr/sbin/haproxy",
                        "-db",
                        "-f",
                        cluster.directory().resolve("haproxy.cfg").toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            assertRouting(leader);
            Faults.AGENT_AND_POSTMASTER.strike(leader);
            Node next = cluster.awaitPrimaryOtherThan(leader, FAILOVER);
            assertRouting(next);
            leader.startAgent();
            assertEquals(next, cluster.awaitWhole(WHOLE));
            assertRouting(next);
        } finally {
            haproxy.destroy();
            if (!haproxy.waitFor(5, TimeUnit.SECONDS)) {
                haproxy.destroyForcibly();
            }
            Files.deleteIfExists(log);
        }
    }

    /** The first leader comes back with WAL of its own; only the third node has what the second one acknowledged. */
    @Test
    @Order(12)
    void secondNodeLossRightAfterTheFirstLosesNothing() {
        try (Writer writer = Writer.start(cluster, "two_losses")) {
            long moment = Faults.AGENT_AND_POSTMASTER.strike(leader).done();
            Node second =
                    cluster.node(writer.awaitElsewhere(leader, moment, FAILOVER).node());
            // Before the store names who has what is acknowledged, only the leader itself may lead again.
            Await.until(
                    "a standby may take over from " + second,
                    FAILOVER,
                    () -> cluster.membersSeenBy(second).stream()
                            .anyMatch(m -> m.role().equals("quorum_standby")));
            moment = Faults.AGENT_AND_POSTMASTER.strike(second).done();
            leader.startAgent();
            Node third = cluster.node(writer.awaitElsewhere(second, moment, FAILOVER.multipliedBy(2))
                    .node());
            second.startAgent();
            assertEquals(third, cluster.awaitWhole(WHOLE));
            writer.stop();
            Violation.ifMissing(writer.missingOn(third));
        }
    }

    private void assertRouting(Node primary) {
        Await.until(
                "writes reach " + primary,
                Duration.ofSeconds(10),
                () -> through(5000).equals("f " + primary.host()));
        Await.until(
                "reads reach a replica",
                Duration.ofSeconds(10),
                () -> through(5001).startsWith("t "));
    }

    /** In recovery or not, and the address of the server that a session through this port ends at. */
    private String through(int port) {
        Properties properties = new Properties();
        properties.putAll(leader.jdbcProperties());
        String url = "jdbc:postgresql://127.0.0.1:" + (port + cluster.portOffset()) + "/postgres";
        try (Connection connection = DriverManager.getConnection(url, properties)) {
            return Cluster.query(
                    connection, "select pg_is_in_recovery()::text::char || ' ' || host(inet_server_addr())");
        } catch (SQLException notYet) {
            return "";
        }
    }

    private static List<Long> processes() {
        return cluster.nodes().stream()
                .flatMap(n -> Stream.of(n.requireAgent(), n.requirePostmaster()))
                .toList();
    }

    private static void deleteContent(Path directory) throws IOException {
        assertFalse(directory.toString().length() < 10);
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                if (!file.equals(directory)) {
                    Files.delete(file);
                }
            }
        }
    }

    private static int occurrences(String text, String word) {
        return text.split(word, -1).length - 1;
    }
}
