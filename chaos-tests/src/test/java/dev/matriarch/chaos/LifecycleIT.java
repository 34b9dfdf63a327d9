package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Starts, stops and promotions of a real cluster, and the operator's scripts around them. One cluster serves all tests. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class LifecycleIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Cluster.Profile PROFILE = Cluster.Profile.APPLIANCE;
    private static final Duration FAILOVER = PROFILE.ttl().plusSeconds(15);

    private static Cluster cluster;
    private static Path scripts;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Node leader;

    @BeforeAll
    static void up() throws IOException {
        cluster = Cluster.start(PROFILE, 3);
        scripts = Files.createDirectory(cluster.directory().resolve("scripts"));
        Files.setPosixFilePermissions(scripts, PosixFilePermissions.fromString("rwxrwxrwx"));
        // Its own words are the node and nothing else; then come event, role and scope.
        script("note", "echo \"$2 $3\" >>" + scripts + "/calls-$1");
        script(
                "before-stop",
                "sleep 1; pid=$(head -n 1 $1/postmaster.pid); kill -0 $pid && echo still alive >>" + scripts
                        + "/stops");
        // Refuses, waits or consents, as the file says that a test writes.
        script("pre-promote", "case $(cat " + scripts + "/verdict-$1) in no) exit 1 ;; wait) sleep 60 ;; esac");
        for (Node node : cluster.nodes()) {
            write("verdict-" + node.name(), "yes");
            String note = scripts + "/note " + node.name();
            String lines = "postgresql:\n  callbacks:\n";
            for (String event : List.of("on_start", "on_stop", "on_restart", "on_role_change")) {
                lines += "    " + event + ": " + note + "\n";
            }
            lines += "  before_stop: " + scripts + "/before-stop " + node.dataDirectory() + "\n";
            lines += "  pre_promote: " + scripts + "/pre-promote " + node.name() + "\n";
            String old = Files.readString(node.config());
            Files.writeString(node.config(), old.replace("\npostgresql:\n", "\n" + lines));
        }
        cluster.ctl("reload", "demo", "--force").expectSuccess();
    }

    @AfterAll
    static void down() {
        if (cluster != null) {
            cluster.close();
        }
    }

    private static void script(String name, String body) throws IOException {
        Path file = scripts.resolve(name);
        Files.writeString(file, "#!/bin/sh\n" + body + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static void write(String name, String text) throws IOException {
        Files.writeString(scripts.resolve(name), text + "\n");
    }

    private static String read(Path file) {
        try {
            return Files.exists(file) ? Files.readString(file) : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String calls(Node node) {
        return read(scripts.resolve("calls-" + node.name()));
    }

    private static String log(Node node) {
        return read(node.home().resolve("agent.log"));
    }

    @BeforeEach
    void whole() throws IOException {
        for (Node node : cluster.nodes()) {
            write("verdict-" + node.name(), "yes");
            if (node.agentPid().isEmpty()) {
                node.startAgent();
            }
        }
        leader = cluster.awaitWhole(WHOLE);
        for (Node node : cluster.nodes()) {
            Files.deleteIfExists(scripts.resolve("calls-" + node.name()));
        }
        Files.deleteIfExists(scripts.resolve("stops"));
    }

    private static void awaitCalls(Node node, String expected) {
        try {
            Await.until(
                    "callbacks of " + node,
                    Duration.ofSeconds(15),
                    () -> calls(node).equals(expected));
        } catch (AssertionError e) {
            assertEquals(expected, calls(node), "callbacks of " + node);
        }
    }

    @Test
    @Order(1)
    void switchoverTellsEachMemberWhatItBecame() {
        Node candidate = cluster.othersThan(leader).getFirst();
        Node third = cluster.othersThan(leader).getLast();
        cluster.ctl("switchover", "--leader", leader.name(), "--candidate", candidate.name(), "--force")
                .expectSuccess();
        assertEquals(candidate, cluster.awaitWhole(WHOLE));
        awaitCalls(leader, "on_stop primary\non_role_change replica\n");
        awaitCalls(candidate, "on_role_change primary\n");
        assertEquals("", calls(third));
        assertTrue(read(scripts.resolve("stops")).startsWith("still alive"), "before_stop was waited for");
    }

    @Test
    @Order(2)
    void crashedPrimaryComesBackInPlaceAndSaysSo() {
        int timeline = cluster.timeline(leader);
        long old = leader.requirePostmaster();
        Faults.POSTMASTER.strike(leader);
        Await.until(
                "another postmaster",
                FAILOVER,
                () -> leader.postmasterPid().filter(pid -> pid != old).isPresent());
        awaitCalls(leader, "on_start primary\n");
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        // The record of a server that has just crashed names no timeline.
        Await.until("a timeline", FAILOVER, () -> cluster.timeline(leader) != 0);
        assertEquals(timeline, cluster.timeline(leader));
    }

    @Test
    @Order(3)
    void agentThatFindsPostgresRunningSaysItStarted() {
        Node replica = cluster.othersThan(leader).getFirst();
        long postmaster = replica.requirePostmaster();
        Faults.AGENT.strike(replica);
        replica.startAgent();
        awaitCalls(replica, "on_start replica\n");
        assertEquals(Optional.of(postmaster), replica.postmasterPid());
    }

    @Test
    @Order(4)
    void restartWaitsForBeforeStopAndIsNoStop() {
        Node replica = cluster.othersThan(leader).getFirst();
        cluster.ctl("restart", "demo", replica.name(), "--force").expectSuccess();
        awaitCalls(replica, "on_restart replica\n");
        assertEquals("still alive\n", read(scripts.resolve("stops")));
    }

    @Test
    @Order(5)
    void memberWhoseScriptRefusesLeavesTheLockToAnother() throws IOException {
        Node candidate = cluster.othersThan(leader).getFirst();
        write("verdict-" + candidate.name(), "no");
        awaitSynchronous(candidate);
        // Whatever ctl makes of it: the request cannot be fulfilled.
        cluster.ctl("switchover", "--leader", leader.name(), "--candidate", candidate.name(), "--force");
        Node next = cluster.awaitWhole(WHOLE);
        assertNotEquals(candidate, next);
        assertTrue(log(candidate).contains("Promotion cancelled because the pre-promote script failed"));
        assertTrue(!calls(candidate).contains("primary"), calls(candidate));
    }

    /** After a restart a replica streams before commits wait for it again; until then no switchover goes to it. */
    private void awaitSynchronous(Node candidate) {
        Await.until(
                candidate.name() + " is synchronous",
                WHOLE,
                () -> cluster.membersSeenBy(leader).stream()
                        .anyMatch(m ->
                                m.name().equals(candidate.name()) && m.role().equals("quorum_standby")));
    }

    @Test
    @Order(6)
    void agentEndsWithinSecondsWhileAScriptHoldsItUp() throws Exception {
        Node candidate = cluster.othersThan(leader).getFirst();
        write("verdict-" + candidate.name(), "wait");
        awaitSynchronous(candidate);
        Thread ctl = Thread.ofVirtual()
                .start(() -> cluster.ctl(
                        "switchover", "--leader", leader.name(), "--candidate", candidate.name(), "--force"));
        Await.until(
                "the script runs",
                FAILOVER,
                () -> !Processes.mentioning(scripts + "/pre-promote").isEmpty());
        long agent = candidate.requireAgent();
        long begun = System.nanoTime();
        Processes.signal("TERM", List.of(agent));
        Await.until("the agent ends", Duration.ofSeconds(30), () -> !Processes.alive(agent));
        long took = (System.nanoTime() - begun) / 1_000_000;
        assertTrue(took < 15_000, "the agent needed " + took + " ms to end");
        // Another member may be asking its own by then.
        assertEquals(
                List.of(),
                Processes.mentioning(scripts + "/pre-promote").stream()
                        .filter(script -> script.arguments().contains(candidate.name()))
                        .toList());
        cluster.awaitPrimaryOtherThan(candidate, FAILOVER);
        ctl.join(Duration.ofSeconds(60));
    }

    @Test
    @Order(7)
    void formerPrimaryThatCrashedIsRecoveredAloneAndRewound() {
        Faults.AGENT_AND_POSTMASTER.strike(leader);
        Node next = cluster.awaitPrimaryOtherThan(leader, FAILOVER);
        int before = log(leader).length();
        leader.startAgent();
        assertEquals(next, cluster.awaitWhole(WHOLE));
        String since = log(leader).substring(before);
        assertTrue(since.contains("doing crash recovery in a single user mode"), since);
        assertTrue(since.contains("running pg_rewind"), since);
    }

    @Test
    @Order(8)
    void withoutTimeToStartACrashedPrimaryHandsOver() {
        cluster.ctl("edit-config", "-s", "primary_start_timeout=0", "--force").expectSuccess();
        try {
            Await.until(
                    "the setting is known",
                    Duration.ofSeconds(10),
                    () -> Http.get(leader.rest() + "/config", Duration.ofSeconds(1))
                            .map(r -> r.body().contains("\"primary_start_timeout\":0"))
                            .orElse(false));
            Faults.POSTMASTER.strike(leader);
            cluster.awaitPrimaryOtherThan(leader, FAILOVER);
            assertTrue(log(leader).contains("stopped PostgreSQL to fail over after a crash"));
        } finally {
            cluster.ctl("edit-config", "-s", "primary_start_timeout=300", "--force")
                    .expectSuccess();
        }
        assertNotEquals(leader, cluster.awaitWhole(WHOLE));
    }

    @Test
    @Order(9)
    void lockIsReleasedWhileTheArchiverOfTheOldPrimaryIsStuck() throws IOException {
        Path block = scripts.resolve("block");
        cluster.ctl(
                        "edit-config",
                        "-p",
                        "archive_mode=on",
                        "-p",
                        "archive_command=while [ -e " + block + " ]; do sleep 0.2; done",
                        "--force")
                .expectSuccess();
        for (Node node : cluster.nodes()) {
            Await.until(
                    "a restart is pending",
                    Duration.ofSeconds(20),
                    () -> Http.get(node.rest() + "/patroni", Duration.ofSeconds(1))
                            .map(r -> r.body().contains("pending_restart"))
                            .orElse(false));
            cluster.ctl("restart", "demo", node.name(), "--force").expectSuccess();
        }
        leader = cluster.awaitWhole(WHOLE);
        write("block", "");
        long postmaster = leader.requirePostmaster();
        Node next;
        try (Writer writer = Writer.start(cluster, "archiver_stuck")) {
            cluster.ctl("switchover", "--leader", leader.name(), "--force");
            next = cluster.awaitPrimaryOtherThan(leader, FAILOVER);
            assertEquals(Optional.of(postmaster), leader.postmasterPid(), "the old postmaster waits for its archiver");
            Files.delete(block);
            assertEquals(next, cluster.awaitWhole(WHOLE));
            writer.stop();
            Violation.ifMissing(writer.missingOn(next));
        }
    }

    @Test
    @Order(10)
    void hungStopIsCutShort() throws IOException {
        cluster.ctl("edit-config", "-s", "primary_stop_timeout=3", "--force").expectSuccess();
        write("block", "");
        long postmaster = leader.requirePostmaster();
        try {
            cluster.ctl("switchover", "--leader", leader.name(), "--force");
            cluster.awaitPrimaryOtherThan(leader, FAILOVER);
            Await.until("the old postmaster ends", Duration.ofSeconds(20), () -> !Processes.alive(postmaster));
        } finally {
            Files.delete(scripts.resolve("block"));
        }
        assertNotEquals(leader, cluster.awaitWhole(WHOLE));
    }

    @Test
    @Order(11)
    void stoppedAgentLeavesItsLastStateBehindUntilItsRecordEnds() {
        long agent = leader.requireAgent();
        Processes.signal("TERM", List.of(agent));
        Await.until("the agent of " + leader + " ends", Duration.ofSeconds(20), () -> !Processes.alive(agent));
        assertTrue(list().matches("(?s).*\\b" + leader + "\\t[^\\n]*\\tstopped\\t.*"), list());
        cluster.awaitPrimaryOtherThan(leader, FAILOVER);
        Await.until("the record ends", PROFILE.ttl().multipliedBy(3), () -> !list().contains("stopped"));
    }

    private static String list() {
        return cluster.ctl("list", "-f", "tsv").expectSuccess().output();
    }

    @Test
    @Order(12)
    void secondAgentOfOneNameEndsAndTouchesNothing() throws IOException {
        Node twin = cluster.othersThan(leader).getFirst();
        Node namesake = cluster.othersThan(leader).getLast();
        Processes.signal("KILL", List.of(twin.requireAgent()));
        long postmaster = twin.requirePostmaster();
        String config = Files.readString(twin.config());
        Files.writeString(twin.config(), config.replace("name: " + twin + "\n", "name: " + namesake + "\n"));
        Commands.Result refused = twin.runAgent(Duration.ofSeconds(30));
        Files.writeString(twin.config(), config);
        assertEquals(1, refused.exitCode(), refused.output());
        assertTrue(
                refused.output()
                        .contains("Can't start; there is already a node named '" + namesake + "' running: the agent at "
                                + namesake.grpc() + " answers by this name"),
                refused.output());
        assertEquals(Optional.of(postmaster), twin.postmasterPid());
        assertEquals(leader, cluster.awaitPrimary(FAILOVER));
        twin.startAgent();
        assertEquals(leader, cluster.awaitWhole(WHOLE));
    }
}
