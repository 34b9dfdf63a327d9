package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.GetActionReply;
import dev.matriarch.proto.control.v1.GetClusterReply;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is told of copies, whoever of the agents goes away in the meantime. */
@Timeout(60)
class ClonesTest {
    private FakeAgent first;
    private FakeAgent second;

    @BeforeEach
    void start() throws IOException {
        first = new FakeAgent().start();
        second = new FakeAgent().start();
        first.action = started();
        second.action = started();
    }

    @AfterEach
    void stop() {
        first.close();
        second.close();
    }

    private static ActionReply started() {
        return ActionReply.newBuilder()
                .setStatus(200)
                .setMessage("reinitialize started")
                .build();
    }

    private CtlRun run(String... arguments) {
        List<String> all = new ArrayList<>(List.of("--endpoint", first.endpoint(), "--endpoint", second.endpoint()));
        all.addAll(List.of("reinit", "demo", "--force", "-o", "json"));
        all.addAll(List.of(arguments));
        return CtlRun.of(Map.of(), "", all.toArray(String[]::new));
    }

    private static List<Integer> statuses(CtlRun run) throws IOException {
        return new ObjectMapper()
                .readTree(run.out())
                .path("actions")
                .valueStream()
                .map(a -> a.path("status").asInt())
                .toList();
    }

    private static GetClusterReply copying(String name) {
        GetClusterReply.Builder cluster = FakeAgent.threeMembers();
        cluster.getMembersBuilderList().stream()
                .filter(m -> m.getName().equals(name))
                .forEach(m -> m.setState("creating replica"));
        return cluster.build();
    }

    @Test
    void aCopyThatFailsIsToldAlsoByAnAgentThatWasAskedLater() throws Exception {
        first.diesOfReinit = true;
        second.progress = GetActionReply.newBuilder()
                .setKnown(true)
                .setResult(ActionReply.newBuilder()
                        .setStatus(500)
                        .setMessage("the copy failed")
                        .setActionId("abcd"))
                .build();
        CtlRun run = run("n2", "n3", "--wait");
        assertEquals(1, run.code(), run::toString);
        assertEquals(List.of(503, 500), statuses(run));
        assertTrue(run.says("the copy failed"), run.out());
    }

    @Test
    void itsEndIsSeenThroughAnotherAgent() throws Exception {
        first.diesAfterReinit = true;
        second.looks.addAll(List.of(copying("n2"), copying("n2")));
        CtlRun run = run("n2", "--wait");
        assertEquals(0, run.code(), run::toString);
        assertEquals(List.of(200), statuses(run));
        assertTrue(run.err().contains("Reinitialize is completed on: n2"), run.err());
    }

    @Test
    void whoseAnswerWasLostMayHaveBegun() throws Exception {
        first.losesReinit = true;
        CtlRun unknown = run("n2");
        assertEquals(1, unknown.code(), unknown::toString);
        assertEquals(List.of(503), statuses(unknown));
        JsonNode id = new ObjectMapper()
                .readTree(unknown.out())
                .path("actions")
                .path(0)
                .path("id");
        assertTrue(id.isTextual(), unknown.out());
        first.looks.addAll(List.of(FakeAgent.threeMembers().build(), copying("n2")));
        first.progress = GetActionReply.newBuilder().setKnown(true).build();
        CtlRun begun = run("n2", "--wait");
        assertEquals(0, begun.code(), begun::toString);
        assertEquals(List.of(200), statuses(begun));
        CtlRun notAwaited = run("n2");
        assertEquals(0, notAwaited.code(), notAwaited::toString);
        assertEquals(List.of(200), statuses(notAwaited));
    }
}
