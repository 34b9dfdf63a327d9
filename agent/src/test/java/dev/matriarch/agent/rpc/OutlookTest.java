package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.proto.control.v1.ExplainReply;
import dev.matriarch.proto.peer.v1.CandidacyReply;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OutlookTest {
    private final Map<String, CandidacyReply> candidacies = new HashMap<>();
    private final Map<String, PeerAnswer> positions = new HashMap<>();

    private void member(String name, boolean promotable, String why, long lsn) {
        candidacies.put(
                name,
                CandidacyReply.newBuilder()
                        .setName(name)
                        .setPromotable(promotable)
                        .setWhy(why)
                        .setLsn(lsn)
                        .setTimeline(1)
                        .setFailoverPriority(1)
                        .build());
        positions.put(
                name,
                new PeerAnswer.Answered(
                        new Position(true, !name.equals("n1"), new Lsn(lsn), 1, !promotable, 1, false)));
    }

    private ExplainReply explain(String leader, boolean paused) {
        ClusterView view = FakeDcs.view(
                1,
                "{}",
                leader,
                List.of(
                        FakeLocalAgent.member("n1", "primary", "a:1"),
                        FakeLocalAgent.member("n2", "replica", "a:2"),
                        FakeLocalAgent.member("n3", "replica", "a:3")),
                null);
        return Outlook.of(view, FakeLocalAgent.config(SynchronousMode.OFF, paused), candidacies, positions);
    }

    @Test
    void namesTheHeirAndTheTimeItTakes() {
        member("n1", false, "it is the leader", 200);
        member("n2", true, "I am the healthiest member", 100);
        member("n3", true, "I am the healthiest member", 90);
        ExplainReply reply = explain("n1", false);
        assertEquals("n2", reply.getHeir());
        assertEquals(5, reply.getFailoverSeconds());
        assertEquals(
                "If n1 died now, n2 would be promoted: its lease ends at the latest 5 s (ttl) after its last renewal, then"
                        + " the others elect.",
                reply.getOutlook());
        assertTrue(reply.getMembers(1).getSwitchoverTarget());
        assertEquals(
                "Switchover target and source are the same", reply.getMembers(0).getSwitchoverProblem());
    }

    @Test
    void equalsAreNamedTogether() {
        member("n2", true, "", 100);
        member("n3", true, "", 100);
        assertTrue(explain("n1", false).getOutlook().startsWith("If n1 died now, n2 or n3 would be promoted"));
    }

    @Test
    void saysThatNobodyWouldLeadAndWho() {
        member("n2", false, "following a different leader because I am not allowed to promote", 100);
        positions.put("n3", new PeerAnswer.Unreachable("Connection refused"));
        ExplainReply reply = explain("n1", false);
        assertEquals("", reply.getHeir());
        assertTrue(reply.getOutlook().contains("nobody would be promoted"), reply::getOutlook);
        assertTrue(reply.getOutlook().contains("(2 did not answer)")
                || reply.getOutlook().contains("(1 did not answer)"));
        assertEquals(
                "its agent cannot be asked: Connection refused",
                reply.getMembers(2).getWhy());
        assertFalse(reply.getMembers(2).getReachable());
        assertEquals(
                "switchover is not possible: no good candidates have been found",
                reply.getMembers(1).getSwitchoverProblem());
    }

    @Test
    void pausedMeansNothingHappensByItself() {
        member("n2", false, "the cluster is paused: nobody is promoted by itself", 100);
        assertTrue(explain("n1", true).getOutlook().contains("paused"));
    }

    @Test
    void withoutALeaderItSaysWhoStands() {
        member("n2", true, "", 100);
        assertEquals(
                "Nobody leads; n2 would stand for election now.",
                explain(null, false).getOutlook());
    }
}
