package dev.matriarch.ctl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.GetActionReply;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.ReinitializeRequest;
import dev.matriarch.proto.control.v1.RestartRequest;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class MemberActionsTest {
    private FakeAgent agent;

    @BeforeEach
    void start() throws IOException {
        agent = new FakeAgent().start();
    }

    @AfterEach
    void stop() {
        agent.close();
    }

    private static void said(CtlRun run, int code, String text) {
        assertEquals(code, run.code(), run::toString);
        assertTrue(run.says(text), run::toString);
    }

    private void withTag(int member, String name, String value) {
        GetClusterReply.Builder cluster = FakeAgent.threeMembers();
        cluster.getMembersBuilder(member).putTags(name, value);
        agent.cluster = cluster.build();
    }

    @Test
    void anyRestartsOneOfThem() {
        CtlRun run = CtlRun.of(agent, "", "restart", "demo", "-r", "replica", "--any", "--force");
        said(run, 0, "Success: restart on member n");
        assertEquals(1, agent.asked.size());
        String member = ((RestartRequest) agent.asked.getFirst()).getMember();
        assertTrue(member.equals("n2") || member.equals("n3"), member);
    }

    @Test
    void pendingRestartsThoseThatWaitForOne() {
        GetClusterReply.Builder cluster = FakeAgent.threeMembers();
        cluster.getMembersBuilder(2).setPendingRestart(true).putPendingRestartReason("max_connections", "100->200");
        agent.cluster = cluster.build();
        said(
                CtlRun.of(agent, "y\n\n", "restart", "demo", "--pending", "--scheduled", "now"),
                0,
                "max_connections: 100->200");
        assertEquals(1, agent.asked.size());
        RestartRequest request = (RestartRequest) agent.asked.getFirst();
        assertEquals("n3", request.getMember());
        assertTrue(request.getOnlyIfPending());
        said(CtlRun.of(agent, "n\n", "restart", "demo", "n2", "--scheduled", "now"), 1, "Aborted restart");
    }

    @Test
    void aCopyThatRunsIsCancelledOnlyIfThatIsWanted() {
        agent.action = ActionReply.newBuilder()
                .setStatus(503)
                .setMessage("creating a replica already in progress")
                .build();
        said(
                CtlRun.of(agent, "y\nn\n", "reinit", "demo", "n2"),
                1,
                "Do you want to cancel it and reinitialize anyway? [y/N]");
        assertEquals(1, agent.asked.size());
        said(CtlRun.of(agent, "y\ny\n", "reinit", "demo", "n2"), 1, "Failed: reinitialize for member n2");
        assertTrue(((ReinitializeRequest) agent.asked.getLast()).getForce());
        agent.asked.clear();
        CtlRun.of(agent, "", "reinit", "demo", "n2", "--force");
        assertEquals(1, agent.asked.size());
        assertTrue(((ReinitializeRequest) agent.asked.getFirst()).getForce());
    }

    @Test
    void whoIsNotNamedIsAskedFor() {
        said(CtlRun.of(agent, "n3\ny\n", "reinit", "demo"), 0, "Which member do you want to reinitialize [n2, n3]?");
        assertEquals("n3", ((ReinitializeRequest) agent.asked.getFirst()).getMember());
        said(CtlRun.of(agent, "n9\n", "reinit", "demo"), 1, "n9 is not a member of cluster demo");
    }

    @Test
    void waitEndsWithTheCopy() {
        GetClusterReply whole = agent.cluster;
        GetClusterReply.Builder copying = whole.toBuilder();
        copying.getMembersBuilder(1).setState("creating replica");
        Thread copy = Thread.ofVirtual().start(() -> {
            try {
                Thread.sleep(500);
                agent.cluster = copying.build();
                Thread.sleep(1500);
                agent.cluster = whole;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        CtlRun run = CtlRun.of(agent, "", "reinit", "demo", "n2", "--wait", "--force");
        said(run, 0, "Waiting for reinitialize to complete on: n2");
        said(run, 0, "Reinitialize is completed on: n2");
        copy.interrupt();
    }

    @Test
    void aReinitThatWasTakenBackIsNoSuccess() {
        agent.progress = GetActionReply.newBuilder()
                .setKnown(true)
                .setResult(ActionReply.newBuilder().setStatus(503).setMessage("it leads now; nothing was copied"))
                .build();
        CtlRun run = CtlRun.of(agent, "", "reinit", "demo", "n2", "--wait", "--force");
        said(run, 1, "Failed: reinitialize for member n2, status code=503, (it leads now; nothing was copied)");
        assertFalse(run.says("is completed on"), run::toString);
    }

    @Test
    void membersThatMustNotLeadAreNotOffered() {
        for (String[] tag :
                new String[][] {{"nofailover", "true"}, {"failover_priority", "0"}, {"failover_priority", "-1"}}) {
            withTag(1, tag[0], tag[1]);
            CtlRun run = CtlRun.of(agent, "\n\n\ny\n", "switchover");
            assertTrue(run.says("Candidate ['n3'] []: "), run::toString);
            said(
                    CtlRun.of(agent, "", "switchover", "--candidate", "n2", "--force"),
                    1,
                    "Member n2 does not exist in cluster demo or is tagged as nofailover");
        }
    }
}
