package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What goes wrong in the field, on real processes: servers that hang, disks that hang or fill up, power that fails. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class FieldIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Cluster.Profile PROFILE = Cluster.Profile.APPLIANCE;

    /** A stuck primary is borne for twice the ttl, a lease that cannot be given back runs out; the rest is reserve. */
    private static final Duration STUCK = PROFILE.ttl().multipliedBy(3).plusSeconds(15);

    private static Cluster cluster;
    private static Optional<Volume> volume = Optional.empty();

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Node leader;

    @BeforeAll
    static void up() throws IOException {
        cluster = Cluster.start(PROFILE, 3);
        Node leader = cluster.awaitWhole(WHOLE);
        Node onVolume = cluster.othersThan(leader).getFirst();
        endAgent(onVolume, "TERM");
        deleteContent(onVolume.dataDirectory());
        volume = Volume.over(onVolume.dataDirectory(), 640);
        onVolume.startAgent();
        cluster.awaitWhole(WHOLE);
        onVolumeName = onVolume.name();
    }

    private static String onVolumeName = "";

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.down();
            volume.ifPresent(Volume::close);
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

    // --- A server that hangs ---

    /** Its open sessions still work, but it takes no new ones. */
    @Test
    @Order(1)
    void stoppedPostmasterLosesTheLock() {
        Node old = leader;
        long postmaster = old.requirePostmaster();
        try (Writer writer = Writer.start(cluster, "stopped_postmaster")) {
            long moment = System.nanoTime();
            Processes.signal("STOP", List.of(postmaster));
            Node next = cluster.awaitPrimaryOtherThan(old, STUCK);
            long took = System.nanoTime() - moment;
            assertTrue(took > PROFILE.ttl().toNanos(), "given up after " + took / 1_000_000 + " ms: too hasty");
            Await.until("the old server is gone", STUCK, () -> !Processes.alive(postmaster));
            assertEquals(next, cluster.awaitWhole(WHOLE));
            writer.stop();
            Violation.ifMissing(writer.missingOn(next));
        }
        assertLogged(old, "has taken no writes for");
        assertLogged(old, "stopped by a signal: the postmaster");
    }

    /** Commits need neither of them, and one backend is not the server. */
    @Test
    @Order(2)
    void stoppedBackgroundProcessesAreNoReasonToFailOver() {
        long postmaster = leader.requirePostmaster();
        int timeline = cluster.timeline(leader);
        List<Long> some = new ArrayList<>();
        some.add(child(postmaster, "walwriter"));
        some.add(child(postmaster, "checkpointer"));
        try (Writer writer = Writer.start(cluster, "stopped_some")) {
            Processes.signal("STOP", some);
            try {
                Await.until(
                        "the log names them",
                        Duration.ofSeconds(15),
                        () -> log(leader).contains("checkpointer (pid " + some.getLast()));
                long moment = System.nanoTime();
                writer.awaitConnectedAfter(moment - 1, Duration.ofSeconds(1).plus(PROFILE.ttl()));
            } catch (AssertionError e) {
                // Its sessions are old ones, and that is as good.
                assertTrue(writer.lastOf(leader).isPresent(), e.getMessage());
            } finally {
                Processes.signal("CONT", some);
            }
            writer.stop();
            Violation.ifMissing(writer.missingOn(leader));
        }
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        assertEquals(timeline, cluster.timeline(leader));
    }

    /** The lease is renewed for as long as the shutdown checkpoint takes. */
    @Test
    @Order(3)
    void slowCheckpointDuringSwitchoverKeepsTheLease() {
        Node old = leader;
        Node candidate = cluster.othersThan(old).getFirst();
        int timeline = cluster.timeline(old);
        long checkpointer = child(old.requirePostmaster(), "checkpointer");
        try (Writer writer = Writer.start(cluster, "slow_checkpoint")) {
            Processes.signal("STOP", List.of(checkpointer));
            Thread later = Thread.ofPlatform().daemon().start(() -> {
                Await.pause(PROFILE.ttl().plusSeconds(3).toMillis());
                Processes.signal("CONT", List.of(checkpointer));
            });
            try {
                cluster.ctl("switchover", "--leader", old.name(), "--candidate", candidate.name(), "--force");
                assertEquals(
                        candidate,
                        cluster.awaitPrimaryOtherThan(old, PROFILE.ttl().plusSeconds(20)));
            } finally {
                join(later);
                Processes.signal("CONT", Processes.alive(checkpointer) ? List.of(checkpointer) : List.of(0L));
            }
            assertEquals(candidate, cluster.awaitWhole(WHOLE));
            writer.stop();
            Violation.ifMissing(writer.missingOn(candidate));
        }
        assertEquals(timeline + 1, cluster.timeline(candidate));
    }

    // --- A disk that hangs or is full ---

    @Test
    @Order(4)
    void hangingDiskLosesTheLock() {
        Node old = onVolumeLeads();
        try (Writer writer = Writer.start(cluster, "hanging_disk")) {
            volume.orElseThrow().freeze();
            Node next;
            try {
                next = cluster.awaitPrimaryOtherThan(old, STUCK);
                // The agent itself goes on answering: nothing of it waits for the disk.
                assertEquals(503, old.healthCheck("/primary"));
            } finally {
                volume.orElseThrow().thaw();
            }
            assertEquals(next, cluster.awaitWhole(WHOLE));
            writer.stop();
            Violation.ifMissing(writer.missingOn(next));
        }
    }

    @Test
    @Order(5)
    void fullDiskMovesTheLeaderOnceAndItComesBackWithTheSpace() {
        Node old = onVolumeLeads();
        int timeline = cluster.timeline(old);
        try (Writer writer = Writer.start(cluster, "full_disk")) {
            volume.orElseThrow().fill(4);
            switchSegmentsUntilItEnds(old);
            Node next = cluster.awaitPrimaryOtherThan(old, PROFILE.ttl().plusSeconds(20));
            // Being rewound or cloned anew may have given it room; that is taken too.
            Await.until("the old server is back", WHOLE, () -> old.healthCheck("/replica") == 200);
            volume.orElseThrow().fill(4);
            Await.until(
                    "it knows",
                    Duration.ofSeconds(20),
                    () -> cluster.ctl("explain", "-f", "json").output().contains("MB are free on the volume"));
            // No way back into the trap, not even when asked.
            assertNotEquals(
                    0,
                    cluster.ctl("switchover", "--leader", next.name(), "--candidate", old.name(), "--force")
                            .exitCode());
            assertEquals(next, cluster.awaitPrimary(Duration.ofSeconds(10)));
            volume.orElseThrow().drain();
            assertEquals(next, cluster.awaitWhole(WHOLE));
            writer.stop();
            Violation.ifMissing(writer.missingOn(next));
            assertEquals(timeline + 1, cluster.timeline(next));
        }
        assertLogged(old, "MB are free on");
    }

    private Node onVolumeLeads() {
        assumeTrue(volume.isPresent(), "a file system can only be mounted by root");
        Node wanted = cluster.node(onVolumeName);
        if (!leader.equals(wanted)) {
            // A member that has just come back is no candidate before commits wait for it.
            Await.until(
                    wanted + " is a synchronous standby",
                    WHOLE,
                    () -> cluster.membersSeenBy(leader).stream()
                            .anyMatch(m ->
                                    m.name().equals(wanted.name()) && m.role().endsWith("standby")));
            cluster.ctl("switchover", "--leader", leader.name(), "--candidate", wanted.name(), "--force")
                    .expectSuccess();
            assertEquals(wanted, cluster.awaitWhole(WHOLE));
        }
        return wanted;
    }

    /** New segments of WAL are what a full disk has no room for. */
    private static void switchSegmentsUntilItEnds(Node node) {
        Await.until("PostgreSQL ends on its full disk", Duration.ofSeconds(20), () -> {
            try (Connection connection = cluster.connect(node);
                    Statement statement = connection.createStatement()) {
                statement.execute("set synchronous_commit = local");
                for (int i = 0; i < 40; i++) {
                    statement.execute("select pg_logical_emit_message(true, 'fill', repeat('x', 200000))");
                    statement.execute("select pg_switch_wal()");
                }
                return false;
            } catch (SQLException ended) {
                return log(node).contains("No space left on device");
            }
        });
    }

    // --- Power ---

    @Test
    @Order(6)
    void powerFailureOfAllNodesLosesNothingWhateverTheOrderTheyComeBackIn() {
        List<Node> n = cluster.nodes();
        int[][] orders = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
        for (int[] order : orders) {
            Writer writer = Writer.start(cluster, "power");
            try {
                powerOff();
            } finally {
                writer.stop();
            }
            for (int i : order) {
                n.get(i).startAgent();
                Await.pause(400);
            }
            // Whoever holds the lock again may still be recovering.
            Node next = Await.value(
                    "a primary that answers", WHOLE, () -> cluster.primary().filter(FieldIT::acceptsWrites));
            String which = "order " + java.util.Arrays.toString(order);
            Violation.ifMissing(writer.missingOn(next), which);
            cluster.othersThan(next).forEach(o -> assertNotEquals(200, o.healthCheck("/primary"), which));
        }
        cluster.awaitWhole(WHOLE);
    }

    private static boolean acceptsWrites(Node node) {
        try (Connection connection = cluster.connect(node)) {
            return Cluster.query(connection, "select pg_is_in_recovery()").equals("f");
        } catch (SQLException notYet) {
            return false;
        }
    }

    private static void powerOff() {
        List<Long> all = new ArrayList<>();
        for (Node node : cluster.nodes()) {
            all.add(node.requireAgent());
            node.postmasterPid().ifPresent(pid -> {
                all.add(pid);
                all.addAll(Processes.children(pid));
            });
            all.addAll(node.guardPids());
        }
        Processes.signal("KILL", all);
        Await.until(
                "everything is off", Duration.ofSeconds(5), () -> all.stream().noneMatch(Processes::alive));
    }

    // --- small parts ---

    private static long child(long postmaster, String title) {
        return Processes.children(postmaster).stream()
                .filter(pid -> Processes.title(pid).contains(title))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + title));
    }

    private static String log(Node node) {
        try {
            return Files.readString(node.home().resolve("agent.log"));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static void assertLogged(Node node, String text) {
        assertTrue(log(node).contains(text), "the log of " + node + " does not say: " + text);
    }

    private static void endAgent(Node node, String signal) {
        long agent = node.requireAgent();
        Processes.signal(signal, List.of(agent));
        Await.until("the agent ends", Duration.ofSeconds(30), () -> !Processes.alive(agent));
    }

    private static void join(Thread thread) {
        try {
            thread.join(Duration.ofSeconds(30));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void deleteContent(Path directory) throws IOException {
        assertTrue(directory.toString().length() > 10);
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                if (!file.equals(directory)) {
                    Files.delete(file);
                }
            }
        }
    }
}
