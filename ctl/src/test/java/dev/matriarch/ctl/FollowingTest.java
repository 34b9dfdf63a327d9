package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.ActionStep;
import dev.matriarch.proto.control.v1.GetActionReply;
import dev.matriarch.proto.control.v1.GetClusterReply;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A switchover is followed to its end. */
@Timeout(60)
class FollowingTest {
    private FakeAgent agent;
    private FakeAgent other;

    @BeforeEach
    void start() throws Exception {
        agent = new FakeAgent().start();
        other = new FakeAgent().start();
    }

    @AfterEach
    void stop() {
        agent.close();
        other.close();
    }

    private CtlRun switchover() {
        return CtlRun.of(
                Map.of(),
                "",
                "--endpoint",
                agent.endpoint(),
                "--endpoint",
                other.endpoint(),
                "switchover",
                "--force",
                "--candidate",
                "n2");
    }

    @Test
    void stepsAndTheStandstillAreShown() {
        other.silentUntil = agent.dead;
        agent.progress = GetActionReply.newBuilder()
                .setKnown(true)
                .addSteps(ActionStep.newBuilder().setAfterMillis(300).setText("nobody holds the leader lock"))
                .addSteps(ActionStep.newBuilder().setAfterMillis(1234).setText("n2 runs as leader"))
                .build();
        agent.action = ActionReply.newBuilder()
                .setStatus(200)
                .setMessage("Successfully switched over to \"n2\"")
                .setActionId("abcd1234")
                .setStandstillAtLeastMillis(934)
                .setStandstillAtMostMillis(1234)
                .build();
        CtlRun run = switchover();
        assertEquals(0, run.code(), run::toString);
        assertTrue(run.err().contains("  0.3 s  nobody holds the leader lock"), run::toString);
        assertTrue(run.err().contains("  1.2 s  n2 runs as leader"), run::toString);
        assertTrue(run.out().contains("Writes stood still for 0.9 to 1.2 s (action abcd1234)"), run::toString);
    }

    @Test
    void anotherAgentTellsHowItEndedIfTheFirstOneIsGone() {
        agent.dies = true;
        other.silentUntil = agent.dead;
        GetClusterReply.Builder after = FakeAgent.threeMembers();
        after.getMembersBuilder(0).setRole("replica").setState("streaming");
        after.getMembersBuilder(1).setRole("leader").setState("running");
        other.cluster = after.build();
        CtlRun run = switchover();
        assertEquals(0, run.code(), run::toString);
        assertTrue(run.err().contains("another agent is asked what became of it"), run::toString);
        assertTrue(run.out().contains("\"n2\" leads the cluster now"), run::toString);
    }
}
