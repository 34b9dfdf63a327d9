package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.ActionStep;
import dev.matriarch.proto.control.v1.GetActionReply;
import dev.matriarch.proto.control.v1.RestartRequest;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What programs read of orders: one document, the same for all of them. */
@Timeout(60)
class ReportTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private FakeAgent agent;

    @BeforeEach
    void start() throws Exception {
        agent = new FakeAgent().start();
    }

    @AfterEach
    void stop() {
        agent.close();
    }

    private static ActionReply reply(int status, String message) {
        return ActionReply.newBuilder()
                .setStatus(status)
                .setMessage(message)
                .setActionId("abcd1234")
                .build();
    }

    private static JsonNode document(CtlRun run) throws Exception {
        JsonNode document = MAPPER.readTree(run.out());
        assertEquals("demo", document.path("cluster").asText(), run::toString);
        List<String> names = new ArrayList<>();
        document.path("actions").forEach(a -> a.fieldNames().forEachRemaining(names::add));
        assertTrue(names.containsAll(List.of("id", "action", "members", "status", "message", "steps")), run::toString);
        return document.path("actions");
    }

    @Test
    void switchoverWithItsStepsAndItsStandstill() throws Exception {
        agent.progress = GetActionReply.newBuilder()
                .setKnown(true)
                .addSteps(ActionStep.newBuilder().setAfterMillis(300).setText("nobody holds the leader lock"))
                .build();
        agent.action = reply(200, "Successfully switched over to \"n2\"").toBuilder()
                .setStandstillAtLeastMillis(934)
                .setStandstillAtMostMillis(1234)
                .build();
        CtlRun run = CtlRun.of(agent, "", "switchover", "demo", "--candidate", "n2", "--force", "--output", "json");
        assertEquals(0, run.code(), run::toString);
        JsonNode action = document(run).path(0);
        assertEquals("switchover", action.path("action").asText());
        assertEquals("abcd1234", action.path("id").asText());
        assertEquals(List.of("n1", "n2"), MAPPER.convertValue(action.path("members"), List.class));
        assertEquals(200, action.path("status").asInt());
        assertEquals(
                "Successfully switched over to \"n2\"", action.path("message").asText());
        assertEquals(934, action.path("writes_stood_still_ms").path("at_least").asInt());
        assertEquals(1234, action.path("writes_stood_still_ms").path("at_most").asInt());
        assertEquals(
                "nobody holds the leader lock",
                action.path("steps").path(0).path("text").asText());
        assertEquals(300, action.path("steps").path(0).path("after_ms").asInt());
        assertTrue(run.err().contains("Current cluster topology"), run::toString);
    }

    @Test
    void whatWasRefusedIsThereAndTheExitCodeSaysSo() throws Exception {
        agent.action = ActionReply.newBuilder()
                .setStatus(404)
                .setMessage("n2 is not a member of cluster demo")
                .build();
        CtlRun run = CtlRun.of(agent, "", "restart", "demo", "--force", "-o", "json");
        assertEquals(1, run.code(), run::toString);
        JsonNode actions = document(run);
        assertEquals(3, actions.size());
        assertTrue(actions.path(0).path("id").isNull(), run::toString);
        assertEquals(404, actions.path(0).path("status").asInt());
    }

    @Test
    void eachMemberIsAnActionWithTheIdThatItWasAskedBy() throws Exception {
        agent.action = reply(200, "restarted successfully");
        JsonNode actions = document(CtlRun.of(agent, "", "restart", "demo", "n2", "n3", "--force", "-o", "json"));
        assertEquals(2, actions.size());
        assertEquals("n3", actions.path(1).path("members").path(0).asText());
        assertTrue(((RestartRequest) agent.asked.getFirst()).getActionId().matches("[0-9a-f]{8}"));
    }

    @Test
    void allVerbsTellTheSame() throws Exception {
        agent.action = reply(202, "reload scheduled");
        assertEquals(
                "reload",
                document(CtlRun.of(agent, "", "reload", "demo", "n2", "--force", "-o", "json"))
                        .path(0)
                        .path("action")
                        .asText());
        agent.action = reply(200, "reinitialize started");
        JsonNode reinit = document(CtlRun.of(agent, "", "reinit", "demo", "n2", "--force", "-o", "json"))
                .path(0);
        assertEquals("reinit", reinit.path("action").asText());
        assertEquals("reinitialize started", reinit.path("message").asText());
        agent.action = reply(503, "Failover failed");
        assertEquals(
                503,
                document(CtlRun.of(agent, "", "failover", "demo", "--candidate", "n2", "--force", "-o", "json"))
                        .path(0)
                        .path("status")
                        .asInt());
        JsonNode pause =
                document(CtlRun.of(agent, "", "pause", "demo", "-o", "json")).path(0);
        assertEquals("pause", pause.path("action").asText());
        assertEquals("cluster management is paused", pause.path("message").asText());
        assertEquals("n3", pause.path("members").path(2).asText());
        assertTrue(CtlRun.of(agent, "", "reload", "demo", "n2", "--force", "-o", "yaml")
                .out()
                .startsWith("cluster: demo"));
    }

    @Test
    void whatEndsBeforeAnOrderLeavesTheStandardOutputEmpty() {
        CtlRun run = CtlRun.of(agent, "n\n", "reload", "demo", "-o", "json");
        assertEquals(1, run.code());
        assertEquals("", run.out());
        assertTrue(run.err().contains("Aborted reload"), run::toString);
        assertEquals(
                2,
                CtlRun.of(agent, "", "reload", "demo", "--force", "-o", "tsv").code());
    }
}
