package dev.matriarch.agent.rpc;

import static dev.matriarch.agent.rpc.FakeLocalAgent.config;
import static dev.matriarch.agent.rpc.FakeLocalAgent.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class QuorumSetTest {
    private static final PeerAnswer GOOD =
            new PeerAnswer.Answered(new Position(true, true, new Lsn(1), 1, false, 1, false));
    private static final Map<String, PeerAnswer> ANSWERS =
            Map.of("n2", GOOD, "n3", new PeerAnswer.Unreachable("no answer in time"));

    private static ClusterView synchronousAre(String... voters) {
        return FakeDcs.synchronous(
                FakeDcs.view(
                        5,
                        "{}",
                        "n1",
                        List.of(
                                member("n1", "primary", "x"),
                                member("n2", "replica", "x"),
                                member("n3", "replica", "x")),
                        null),
                "n1",
                voters);
    }

    private static FailoverRequest switchover(String candidate) {
        return new FailoverRequest(
                Optional.of("n1"), Optional.of(candidate).filter(c -> !c.isEmpty()), Optional.empty());
    }

    private static Optional<String> objection(FailoverRequest request, ClusterView view, SynchronousMode mode) {
        return QuorumSet.objection(request, view, config(mode, false), ANSWERS);
    }

    @Test
    void aCandidateOutsideOfTheSetIsNotSynchronous() {
        assertEquals(
                Optional.of("Member n2 is not synchronous"),
                objection(switchover("n2"), synchronousAre("n3"), SynchronousMode.QUORUM));
        assertEquals(Optional.empty(), objection(switchover("n2"), synchronousAre("N2", "n3"), SynchronousMode.QUORUM));
    }

    @Test
    void withoutACandidateOneThatIsGoodMustBeInTheSet() {
        // n3 is in the set, but does not answer.
        assertEquals(
                Optional.of("Member n2 is not synchronous"),
                objection(switchover(""), synchronousAre("n3"), SynchronousMode.QUORUM));
        assertEquals(Optional.empty(), objection(switchover(""), synchronousAre("n2"), SynchronousMode.QUORUM));
    }

    @Test
    void onlySwitchoversOfNowInModeQuorumAreWeighed() {
        ClusterView view = synchronousAre("n3");
        assertEquals(Optional.empty(), objection(switchover("n2"), view, SynchronousMode.ON));
        assertEquals(Optional.empty(), objection(switchover("n2"), view, SynchronousMode.OFF));
        assertEquals(
                Optional.empty(),
                objection(
                        new FailoverRequest(Optional.empty(), Optional.of("n2"), Optional.empty()),
                        view,
                        SynchronousMode.QUORUM));
        assertEquals(
                Optional.empty(),
                objection(
                        new FailoverRequest(
                                Optional.of("n1"),
                                Optional.of("n2"),
                                Optional.of(Instant.parse("2099-01-01T00:00:00Z"))),
                        view,
                        SynchronousMode.QUORUM));
    }

    @Test
    void waitingIsVainForAMemberWhoseTagsKeepItOut() {
        Member tagged = FakeLocalAgent.tagged(member("n2", "replica", "x"), Map.of("nosync", true));
        ClusterView view = FakeDcs.view(5, "{}", "n1", List.of(member("n1", "primary", "x"), tagged), null);
        assertTrue(QuorumSet.waitingIsVain(switchover("n2"), view));
        assertFalse(QuorumSet.waitingIsVain(switchover("n2"), synchronousAre("n3")));
    }

    private static boolean vain(String candidate, Map<String, Object> tags2, Map<String, Object> tags3) {
        return QuorumSet.waitingIsVain(
                switchover(candidate),
                FakeDcs.view(
                        5,
                        "{}",
                        "n1",
                        List.of(
                                member("n1", "primary", "x"),
                                FakeLocalAgent.tagged(member("n2", "replica", "x"), tags2),
                                FakeLocalAgent.tagged(member("n3", "replica", "x"), tags3)),
                        null));
    }

    @Test
    void waitingIsVainForAMemberThatGetsItsWalFromAnotherStandbyOrFromNobody() {
        assertTrue(vain("n2", Map.of("replicatefrom", "n3"), Map.of()));
        assertFalse(vain("n3", Map.of("replicatefrom", "n3"), Map.of()));
        // One of the two can still be chosen.
        assertFalse(vain("", Map.of("replicatefrom", "n3"), Map.of()));
        assertTrue(vain("", Map.of("replicatefrom", "n3"), Map.of("nosync", true)));
        assertTrue(vain("n2", Map.of("nostream", true), Map.of()));
        // These stream from the leader after all.
        assertFalse(vain("n2", Map.of("replicatefrom", "n1"), Map.of()));
        assertFalse(vain("n2", Map.of("replicatefrom", "n9"), Map.of()));
        assertFalse(vain("n2", Map.of("replicatefrom", "n3"), Map.of("replicatefrom", "n2")));
    }
}
