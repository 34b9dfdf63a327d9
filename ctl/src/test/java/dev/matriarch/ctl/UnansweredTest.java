package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.RestartRequest;
import io.grpc.Status;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An order that was given is told of to programs, whatever became of its answer; and who leads after a change. */
@Timeout(60)
class UnansweredTest {
    private FakeAgent agent;

    @BeforeEach
    void start() throws Exception {
        agent = new FakeAgent().start();
    }

    @AfterEach
    void stop() {
        agent.close();
    }

    private JsonNode actions(int code, String... arguments) throws Exception {
        String[] all = new String[arguments.length + 2];
        System.arraycopy(arguments, 0, all, 0, arguments.length);
        all[arguments.length] = "-o";
        all[arguments.length + 1] = "json";
        CtlRun run = CtlRun.of(agent, "", all);
        assertEquals(code, run.code(), run::toString);
        assertFalse(run.out().isEmpty(), run::toString);
        return new ObjectMapper().readTree(run.out()).path("actions");
    }

    private void isUnanswered(JsonNode action, String verb, String sentence) {
        assertEquals(verb, action.path("action").asText());
        assertEquals(503, action.path("status").asInt(), action::toString);
        assertTrue(action.path("message").asText().contains(sentence), action::toString);
        assertTrue(action.path("id").asText().matches("[0-9a-f]{8}"), action::toString);
    }

    private static List<String> members(JsonNode action) {
        return new ObjectMapper()
                .convertValue(action.path("members"), new com.fasterxml.jackson.core.type.TypeReference<>() {});
    }

    @Test
    void noAnswerInTime() throws Exception {
        agent.failure = Status.DEADLINE_EXCEEDED;
        String late = "no answer in time";
        JsonNode restart = actions(1, "restart", "demo", "n2", "--force").path(0);
        isUnanswered(restart, "restart", late);
        assertEquals(
                ((RestartRequest) agent.asked.getLast()).getActionId(),
                restart.path("id").asText());
        isUnanswered(actions(1, "reload", "demo", "n2", "--force").path(0), "reload", late);
        isUnanswered(actions(1, "reinit", "demo", "n2", "--force").path(0), "reinit", late);
        isUnanswered(actions(1, "reinit", "demo", "n2", "--cancel").path(0), "cancel reinit", late);
        isUnanswered(
                actions(1, "switchover", "demo", "--candidate", "n2", "--force").path(0), "switchover", late);
        isUnanswered(actions(1, "pause", "demo").path(0), "pause", late);
    }

    @Test
    void aChangeThatNobodySeesHasHappenedAllTheSame() throws Exception {
        agent.blindAfterAnOrder = true;
        JsonNode action =
                actions(0, "switchover", "demo", "--candidate", "n2", "--force").path(0);
        assertEquals(200, action.path("status").asInt());
        assertTrue(action.path("leader").isNull(), action::toString);
        assertTrue(action.has("leader"), action::toString);
    }

    @Test
    void theAgentGoesAway() throws Exception {
        agent.failure = Status.UNAVAILABLE.withDescription("it ends");
        isUnanswered(actions(1, "restart", "demo", "n2", "--force").path(0), "restart", "it ends");
        JsonNode later = actions(
                        1, "switchover", "demo", "--candidate", "n2", "--scheduled", "2099-01-01T00:00:00Z", "--force")
                .path(0);
        isUnanswered(later, "switchover", "it ends");
        assertEquals(List.of("n1", "n2"), members(later));
    }

    @Test
    void whatAScheduledRestartTakesThePlaceOfIsAnOrderOfItsOwn() throws Exception {
        GetClusterReply.Builder cluster = FakeAgent.threeMembers();
        cluster.getMembersBuilder(1).setScheduledRestart("2099-01-01T00:00:00Z");
        agent.cluster = cluster.build();
        agent.action = ActionReply.newBuilder()
                .setStatus(202)
                .setMessage("Restart scheduled")
                .build();
        JsonNode both = actions(0, "restart", "demo", "n2", "--scheduled", "2099-02-01T00:00:00Z", "--force");
        assertEquals("flush restart", both.path(0).path("action").asText());
        assertEquals("restart", both.path(1).path("action").asText());
    }

    @Test
    void aPauseThatWasWrittenAndOneOfWhichTheStoreDidNotSay() throws Exception {
        agent.unconfirmed = "the store did not confirm the change: no leader";
        isUnanswered(actions(1, "pause", "demo").path(0), "pause", "did not confirm");
        agent.unconfirmed = null;
        agent.blindAfterTheChange = true;
        isUnanswered(actions(1, "pause", "demo", "--wait").path(0), "pause", "no answer in time");
        assertTrue(agent.config.contains("pause"));
    }

    @Test
    void aPauseThatSomebodyElseWasFasterThan() throws Exception {
        agent.conflict = true;
        JsonNode pause = actions(1, "pause", "demo").path(0);
        assertEquals(409, pause.path("status").asInt());
        assertEquals(List.of("n1", "n2", "n3"), members(pause));
    }

    @Test
    void whoLeadsAfterAChangeOfTheLeader() throws Exception {
        agent.action =
                ActionReply.newBuilder().setStatus(200).setMessage("done").build();
        JsonNode failover =
                actions(0, "failover", "demo", "--candidate", "n2", "--force").path(0);
        assertEquals(List.of("n1", "n2"), members(failover));
        // The fake cluster does not change.
        assertEquals("n1", failover.path("leader").asText());
        JsonNode anybody = actions(0, "switchover", "demo", "--force").path(0);
        assertEquals(List.of("n1"), members(anybody));
        assertEquals("n1", anybody.path("leader").asText());
        agent.action = ActionReply.newBuilder().setStatus(503).setMessage("no").build();
        assertFalse(actions(1, "switchover", "demo", "--force").path(0).has("leader"));
    }
}
