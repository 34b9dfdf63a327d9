package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.ReloadRequest;
import dev.matriarch.proto.control.v1.RestartRequest;
import dev.matriarch.proto.sharding.v1.Group;
import dev.matriarch.proto.sharding.v1.GroupsReply;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A member that does not answer keeps an order from nobody else. */
@Timeout(60)
class OneByOneTest {
    private FakeAgent first;
    private FakeAgent second;

    @BeforeEach
    void start() throws IOException {
        first = new FakeAgent().start();
        second = new FakeAgent().start();
    }

    @AfterEach
    void stop() {
        first.close();
        second.close();
    }

    private CtlRun run(String... arguments) {
        List<String> all = new ArrayList<>(List.of("--endpoint", first.endpoint(), "--endpoint", second.endpoint()));
        all.addAll(List.of(arguments));
        return CtlRun.of(Map.of(), "", all.toArray(String[]::new));
    }

    private static JsonNode actions(CtlRun run) throws IOException {
        return new ObjectMapper().readTree(run.out()).path("actions");
    }

    private static List<Integer> statuses(JsonNode actions) {
        return actions.valueStream().map(a -> a.path("status").asInt()).toList();
    }

    @Test
    void theOthersAreRestartedAllTheSame() throws Exception {
        first.silentMember = "n2";
        CtlRun run = run("restart", "demo", "--force", "-o", "json");
        assertEquals(1, run.code(), run::toString);
        assertEquals(List.of(200, 503, 200), statuses(actions(run)));
        assertEquals("n2", actions(run).path(1).path("members").path(0).asText());
        assertTrue(run.err().contains("Failed: restart for member n2, status code=503, ("), run.err());
        assertTrue(run.err().contains("Success: restart on member n3"), run.err());
        assertEquals(
                List.of("n1", "n2", "n3"),
                first.asked.stream().map(a -> ((RestartRequest) a).getMember()).toList());
    }

    @Test
    void whenTheAgentThatIsAskedGoesAwayAnotherOneIsAsked() throws Exception {
        first.diesOfReload = true;
        second.action = ActionReply.newBuilder()
                .setStatus(202)
                .setMessage("reload scheduled")
                .build();
        CtlRun run = run("reload", "demo", "--force", "-o", "json");
        assertEquals(1, run.code(), run::toString);
        assertEquals(List.of(503, 202, 202), statuses(actions(run)));
        assertEquals(
                List.of("n2", "n3"),
                second.asked.stream().map(a -> ((ReloadRequest) a).getMember()).toList());
    }

    private static GroupsReply group(int own, FakeAgent coordinator, FakeAgent worker) {
        return GroupsReply.newBuilder()
                .setOwn(own)
                .addGroups(Group.newBuilder().setNumber(0).addEndpoints(coordinator.endpoint()))
                .addGroups(Group.newBuilder().setNumber(1).addEndpoints(worker.endpoint()))
                .build();
    }

    @Test
    void itDoesNotGoOnInAnotherGroupOfADatabase() throws Exception {
        first.diesOfReload = true;
        first.shown.groups = group(0, first, second);
        second.shown.groups = group(1, first, second);
        CtlRun run = run("reload", "demo", "n2", "n3", "--force", "-o", "json");
        assertEquals(1, run.code(), run::toString);
        assertEquals(List.of(503, 503), statuses(actions(run)));
        assertEquals(List.of(), second.asked);
    }

    @Test
    void itGoesOnInTheGroupThatWasMeant() throws Exception {
        try (FakeAgent third = new FakeAgent().start()) {
            first.diesOfReload = true;
            first.shown.groups = group(0, third, second);
            second.shown.groups = group(1, third, second);
            third.shown.groups = group(0, third, second);
            CtlRun run = run("reload", "demo", "n2", "n3", "--force", "-o", "json");
            assertEquals(List.of(503, 200), statuses(actions(run)), run::toString);
            assertEquals(List.of(), second.asked);
            assertEquals("n3", ((ReloadRequest) third.asked.getFirst()).getMember());
        }
    }

    @Test
    void itDoesNotGoOnInAnotherCluster() throws Exception {
        first.diesOfReload = true;
        for (GetClusterReply other : List.of(
                FakeAgent.threeMembers().setScope("other").build(),
                FakeAgent.threeMembers()
                        .setSystemIdentifier("7400000000000000002")
                        .build())) {
            second.cluster = other;
            CtlRun run = run("reload", "demo", "n2", "n3", "--force", "-o", "json");
            assertEquals(List.of(503, 503), statuses(actions(run)), run::toString);
            assertEquals(List.of(), second.asked);
            first.close();
            first = new FakeAgent().start();
            first.diesOfReload = true;
        }
    }

    @Test
    void whoWasNotAskedForIsNamedAsWell() throws Exception {
        first.diesOfReload = true;
        CtlRun run = CtlRun.of(first, "", "reload", "demo", "--force", "-o", "json");
        assertEquals(1, run.code(), run::toString);
        assertEquals(List.of(503, 503, 503), statuses(actions(run)));
        assertTrue(actions(run).path(0).path("id").isTextual());
        assertTrue(actions(run).path(2).path("id").isNull());
        assertTrue(actions(run).path(2).path("message").asText().startsWith("not asked for: no agent answered:"));
    }
}
