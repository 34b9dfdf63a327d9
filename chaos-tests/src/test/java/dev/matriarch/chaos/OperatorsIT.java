package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What operators do to a running cluster: schedules, pause, restart, reinitialize. Each test leaves it whole. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class OperatorsIT {
    private static final Duration WHOLE = Duration.ofSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(15);
    private static final Cluster.Profile PROFILE = Cluster.Profile.APPLIANCE;

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

    private static String list() {
        return cluster.ctl("list").expectSuccess().output();
    }

    private static void pause() {
        cluster.ctl("pause", "--wait").expectSuccess();
    }

    private static void resume() {
        cluster.ctl("resume", "--wait").expectSuccess();
    }

    private static boolean logged(Node node, String sentence) {
        try {
            return Files.readString(node.home().resolve("agent.log")).contains(sentence);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static String ask(Node node, String sql) throws SQLException {
        try (Connection connection = cluster.connect(node)) {
            return Cluster.query(connection, sql);
        }
    }

    private static String startTime(Node node) {
        try {
            return ask(node, "select pg_postmaster_start_time()");
        } catch (SQLException notNow) {
            return "";
        }
    }

    @Test
    @Order(1)
    void scheduledSwitchoverIsListedCanBeFlushedAndRunsAtItsTime() {
        Node candidate = cluster.othersThan(leader).getFirst();
        String far = Instant.now().plusSeconds(3600).toString();
        schedule(candidate, far);
        assertTrue(list().contains("Switchover scheduled at"), OperatorsIT::list);
        cluster.ctl("flush", "switchover", "--force").expectSuccess();
        assertFalse(list().contains("Switchover scheduled at"), OperatorsIT::list);

        Instant at = Instant.now().plusSeconds(6);
        schedule(candidate, at.toString());
        Node next = cluster.awaitPrimaryOtherThan(leader, SOON.plusSeconds(6));
        assertEquals(candidate, next);
        assertFalse(Instant.now().isBefore(at), "it came before its time");
        assertEquals(candidate, cluster.awaitWhole(WHOLE));
        assertFalse(list().contains("Switchover scheduled at"), OperatorsIT::list);
    }

    private void schedule(Node candidate, String at) {
        cluster.ctl(
                        "switchover",
                        "--leader",
                        leader.name(),
                        "--candidate",
                        candidate.name(),
                        "--scheduled",
                        at,
                        "--force")
                .expectSuccess();
    }

    @Test
    @Order(2)
    void scheduledRestartIsListedAndRunsAtItsTime() {
        Node replica = cluster.othersThan(leader).getFirst();
        String before = startTime(replica);
        String leaderBefore = startTime(leader);
        Instant at = Instant.now().plusSeconds(5);
        cluster.ctl("restart", replica.name(), "--scheduled", at.toString(), "--force")
                .expectSuccess();
        Await.until("the restart is listed", SOON, () -> list().contains("Scheduled restart"));
        Await.until(
                "the replica is restarted",
                SOON.plusSeconds(5),
                () -> !startTime(replica).isEmpty() && !startTime(replica).equals(before));
        assertFalse(Instant.now().isBefore(at), "it came before its time");
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        assertEquals(leaderBefore, startTime(leader));
        Await.until("it is listed no more", SOON, () -> !list().contains("Scheduled restart"));
    }

    @Test
    @Order(3)
    void candidateKilledInTheMiddleOfASwitchoverLeavesALeaderAndLosesNothing() throws InterruptedException {
        Node candidate = cluster.othersThan(leader).getFirst();
        String sentence = "switchover: demoting myself";
        int before = occurrences(leader, sentence);
        try (Writer writer = Writer.start(cluster, "candidate_killed")) {
            Thread request = Thread.ofPlatform()
                    .daemon()
                    .start(() -> cluster.ctl(
                            "switchover", "--leader", leader.name(), "--candidate", candidate.name(), "--force"));
            Await.until("the leader steps down", SOON, () -> occurrences(leader, sentence) > before);
            Faults.AGENT_AND_POSTMASTER.strike(candidate);
            Node next = Await.value(
                    "a primary other than the candidate",
                    Duration.ofSeconds(30),
                    () -> cluster.othersThan(candidate).stream()
                            .filter(n -> n.healthCheck("/primary") == 200)
                            .findFirst());
            request.join(60_000);
            candidate.startAgent();
            assertNotEquals(candidate, cluster.awaitWhole(WHOLE));
            writer.stop();
            Violation.ifMissing(writer.missingOn(next));
        }
    }

    private static int occurrences(Node node, String sentence) {
        try {
            return Files.readString(node.home().resolve("agent.log")).split(sentence, -1).length;
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    @Order(4)
    void memberPromotedByHandInAPauseIsBroughtBackOnResume() throws SQLException {
        Node promoted = cluster.othersThan(leader).getFirst();
        int timeline = cluster.timeline(leader);
        pause();
        assertEquals("t", ask(promoted, "select pg_promote()"));
        Await.until("it says so", SOON, () -> logged(promoted, "continue to run as primary without lock"));
        // WAL that the leader does not have.
        try (Connection connection = cluster.connect(promoted);
                var statement = connection.createStatement()) {
            statement.execute("set synchronous_commit = local");
            statement.execute("create table promoted_by_hand (id int)");
        }
        assertEquals("f", ask(leader, "select pg_is_in_recovery()"));
        assertEquals(200, leader.healthCheck("/primary"));
        assertNotEquals(200, promoted.healthCheck("/primary"));
        assertTrue(list().contains("Maintenance mode: on"), OperatorsIT::list);
        resume();
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        // A walreceiver that has just begun does not tell its timeline yet.
        Await.until("it is on the leader's timeline", SOON, () -> cluster.timeline(promoted) == timeline);
        assertEquals("0", ask(promoted, "select count(*) from pg_class where relname = 'promoted_by_hand'"));
    }

    @Test
    @Order(5)
    void agentThatIsStoppedInAPauseLeavesPostgresAndItsLock() {
        long postmaster = leader.requirePostmaster();
        int timeline = cluster.timeline(leader);
        pause();
        stopAgent(leader);
        assertEquals(Optional.of(postmaster), leader.postmasterPid());
        Await.during(
                "nobody is promoted and nothing is fenced",
                PROFILE.ttl().plusSeconds(2),
                () -> leader.postmasterPid().equals(Optional.of(postmaster))
                        && cluster.primary().isEmpty());
        leader.startAgent();
        Await.until("the leader leads again", SOON, () -> leader.healthCheck("/primary") == 200);
        resume();
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        assertEquals(Optional.of(postmaster), leader.postmasterPid());
        assertEquals(timeline, cluster.timeline(leader));
    }

    private static void stopAgent(Node node) {
        long agent = node.requireAgent();
        Processes.signal("TERM", List.of(agent));
        Await.until("the agent ends", Duration.ofSeconds(30), () -> !Processes.alive(agent));
    }

    @Test
    @Order(6)
    void deadPrimaryIsLeftAloneInAPauseUntilSomebodyIsNamed() {
        Node candidate = cluster.othersThan(leader).getFirst();
        Node old = leader;
        pause();
        Faults.POSTMASTER.strike(old);
        Await.until("its agent notices", SOON, () -> cluster.primary().isEmpty());
        Await.during(
                "nobody leads",
                PROFILE.ttl().plusSeconds(2),
                () -> cluster.primary().isEmpty() && old.postmasterPid().isEmpty());
        cluster.ctl("failover", "--candidate", candidate.name(), "--force").expectSuccess();
        assertEquals(200, candidate.healthCheck("/primary"));
        assertTrue(old.postmasterPid().isEmpty(), "it is not started in a pause");
        resume();
        assertEquals(candidate, cluster.awaitWhole(WHOLE));
    }

    @Test
    @Order(7)
    void switchoverInAPauseBringsTheOldLeaderBackAsAReplica() {
        Node candidate = cluster.othersThan(leader).getFirst();
        pause();
        cluster.ctl("switchover", "--leader", leader.name(), "--candidate", candidate.name(), "--force")
                .expectSuccess();
        assertEquals(candidate, cluster.awaitWhole(WHOLE));
        assertTrue(list().contains("Maintenance mode: on"), OperatorsIT::list);
        resume();
    }

    @Test
    @Order(8)
    void replicaIsReinitializedAndALeaderIsNot() throws IOException {
        Node replica = cluster.othersThan(leader).getFirst();
        Object before = Files.getAttribute(replica.dataDirectory().resolve("PG_VERSION"), "unix:ino");
        pause();
        cluster.ctl("reinit", replica.name(), "--from-leader", "--wait", "--force")
                .expectSuccess();
        resume();
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        assertNotEquals(before, Files.getAttribute(replica.dataDirectory().resolve("PG_VERSION"), "unix:ino"));
        assertNotEquals(0, cluster.ctl("reinit", leader.name(), "--force").exitCode());
    }

    @Test
    @Order(8)
    void everyOrderHasAnIdInTheTimelineAndIsFollowedThroughAnyAgent() {
        String began = Instant.now().minusSeconds(1).toString();
        // Not the member that the command asks: the order and its steps are forwarded.
        Node replica = cluster.othersThan(leader).getLast();
        String restart = ordered(
                "restart",
                cluster.ctl("restart", replica.name(), "--force", "--output", "json")
                        .expectSuccess()
                        .output());
        Commands.Result copied = cluster.ctl("reinit", replica.name(), "--force", "--wait", "--output", "json")
                .expectSuccess();
        String reinit = ordered("reinit", copied.output());
        assertTrue(copied.output().contains("\"text\":\"PostgreSQL: creating replica\""), copied::output);
        String pause = ordered(
                "pause",
                cluster.ctl("pause", "--wait", "--output", "json")
                        .expectSuccess()
                        .output());
        resume();
        Http.post(leader.rest() + "/reload", "", SOON).orElseThrow();
        assertEquals(leader, cluster.awaitWhole(WHOLE));

        String timeline = cluster.ctl("timeline", "--since", began, "--format", "json")
                .expectSuccess()
                .output();
        for (String line : List.of(
                "action " + restart + ": restart " + replica.name() + " is asked for",
                "action " + restart + " (restart " + replica.name() + ") ended: 200 restarted successfully",
                "action " + reinit + " (reinitialize " + replica.name() + ") ended: 200 ",
                "action " + pause + ": pause is asked for",
                "(reload " + leader.name() + " (REST API)) ended: 202 reload scheduled")) {
            assertTrue(timeline.contains(line), () -> line + " is not in\n" + timeline);
        }
    }

    private static String ordered(String action, String output) {
        Matcher id = Pattern.compile("\"id\":\"([^\"]+)\",\"action\":\"" + action + "\"")
                .matcher(output);
        assertTrue(id.find(), output);
        return id.group(1);
    }

    @Test
    @Order(9)
    void stoppedMemberIsListedAsStopped() {
        Node replica = cluster.othersThan(leader).getFirst();
        stopAgent(replica);
        String line = list().lines()
                .filter(l -> l.contains("| " + replica.name() + " "))
                .findFirst()
                .orElse("");
        assertTrue(line.contains("stopped"), OperatorsIT::list);
        assertTrue(replica.postmasterPid().isEmpty());
    }
}
