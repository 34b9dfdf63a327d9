package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.CancelRestartRequest;
import dev.matriarch.proto.control.v1.CancelSwitchoverRequest;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.RestartRequest;
import dev.matriarch.proto.control.v1.ScheduledSwitchover;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Restarts and switchovers for later: asked for, listed, flushed, refused. */
class ScheduledTest {
    private static final String LATER = "2030-01-01T10:00:00Z";

    private FakeAgent agent;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @BeforeEach
    void start() throws IOException {
        agent = new FakeAgent().start();
    }

    @AfterEach
    void stop() {
        agent.close();
    }

    private int run(String input, String... arguments) {
        List<String> all = new ArrayList<>(List.of("--endpoint", agent.endpoint()));
        all.addAll(List.of(arguments));
        out.reset();
        err.reset();
        return Matriarchctl.run(
                all.toArray(String[]::new),
                new Terminal(
                        new BufferedReader(new StringReader(input)),
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8),
                        Map.of()));
    }

    private void answers(int status, String message) {
        agent.action =
                ActionReply.newBuilder().setStatus(status).setMessage(message).build();
    }

    private GetClusterReply.Builder withRestart() {
        GetClusterReply.Builder cluster = FakeAgent.threeMembers();
        cluster.getMembersBuilder(1).setScheduledRestart("2030-01-01T10:00:00Z if version < 15.9");
        return cluster;
    }

    private void has(String text) {
        assertTrue((out.toString(StandardCharsets.UTF_8) + err).contains(text), out.toString() + err);
    }

    @Test
    void restartForLaterIsSentWithItsTimeAndFilters() {
        answers(202, "Restart scheduled");
        assertEquals(
                0,
                run("", "restart", "demo", "n2", "--scheduled", LATER, "--pending", "--pg-version", "15.9", "--force"));
        has("Success: restart scheduled on member n2");
        RestartRequest request = (RestartRequest) agent.asked.getLast();
        assertEquals(LATER, request.getScheduledAt());
        assertEquals("15.9", request.getPostgresVersion());
        assertTrue(request.getOnlyIfPending());
    }

    @Test
    void secondRestartForLaterIsRefusedUnlessForced() {
        agent.cluster = withRestart().build();
        answers(409, "Another restart is already scheduled");
        assertEquals(1, run("y\n\n", "restart", "demo", "n2", "--scheduled", LATER));
        has("Failed: another restart is already scheduled on member n2");
        assertEquals(1, run("", "restart", "demo", "n2", "--scheduled", LATER, "--force"));
        assertTrue(agent.asked.stream().anyMatch(CancelRestartRequest.class::isInstance), agent.asked::toString);
    }

    @Test
    void restartIsNotScheduledInPauseNorAtAnUnreadableTime() {
        assertEquals(1, run("", "restart", "demo", "--scheduled", "soon", "--force"));
        has("Unable to parse scheduled timestamp (soon)");
        agent.cluster = FakeAgent.threeMembers().setPaused(true).build();
        assertEquals(1, run("", "restart", "demo", "--scheduled", LATER, "--force"));
        has("Can't schedule restart in the paused state");
        assertEquals(List.of(), agent.asked);
    }

    @Test
    void filterThatMatchesNobodyIsRefused() {
        assertEquals(1, run("", "restart", "demo", "--pending", "--force"));
        has("No member waits for a restart; nothing was done");
        assertEquals(1, run("", "restart", "demo", "-r", "standby-leader", "--force"));
        has("No standby-leader among provided members");
        assertEquals(List.of(), agent.asked);
        answers(
                503,
                "restart conditions are not satisfied: PostgreSQL runs version 15.4, which is not lower than 14.0");
        assertEquals(1, run("", "restart", "demo", "n2", "--pg-version", "14", "--force"));
        has("which is not lower than 14.0");
    }

    @Test
    void scheduledThingsAreListedAndFlushed() {
        agent.cluster = withRestart()
                .setScheduledSwitchover(ScheduledSwitchover.newBuilder()
                        .setAt(LATER)
                        .setFrom("n1")
                        .setTo("n2"))
                .build();
        assertEquals(0, run("", "list"));
        has("Scheduled restart");
        has("2030-01-01T10:00:00Z if version < 15.9");
        has(" Switchover scheduled at: " + LATER);
        assertEquals(0, run("", "flush", "demo", "restart", "--force"));
        has("Success: flush scheduled restart for member n2");
        has("No scheduled restart for member n3");
        assertEquals("n2", ((CancelRestartRequest) agent.asked.getLast()).getMember());
        answers(200, "scheduled switchover deleted");
        assertEquals(0, run("", "flush", "demo", "switchover", "--force"));
        has("Success: scheduled switchover deleted");
        assertTrue(agent.asked.getLast() instanceof CancelSwitchoverRequest);
    }

    @Test
    void nothingToFlush() {
        assertEquals(0, run("", "flush", "demo", "switchover"));
        has("No pending scheduled switchover");
        assertEquals(2, run("", "flush", "demo", "n2"));
    }
}
