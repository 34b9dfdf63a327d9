package dev.matriarch.agent.rpc;

import static dev.matriarch.agent.rpc.FakeLocalAgent.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.agent.recorder.Event;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.FailoverRequest;
import dev.matriarch.proto.control.v1.GetActionReply;
import dev.matriarch.proto.control.v1.GetActionRequest;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.control.v1.SwitchoverRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A switchover or failover that is asked for at one member's door. */
class LeaderChangeCallsTest extends TwoMembers {
    private static SwitchoverRequest toN2() {
        return SwitchoverRequest.newBuilder().setLeader("n1").setCandidate("n2").build();
    }

    private static final String NOT_YET = "Member n2 is not synchronous yet: waiting until the leader counts it";

    private void quorumWithout(String candidate) {
        n1.config = FakeLocalAgent.config(SynchronousMode.QUORUM, false);
        dcs.set(FakeDcs.synchronous(
                FakeDcs.view(10, "{}", "n1", members("primary", "replica"), null),
                "n1",
                candidate.equals("n2") ? "n3" : "n2"));
    }

    @Test
    void switchoverWaitsUntilTheNewLeaderServes() {
        dcs.onFailoverKey = () -> Thread.ofVirtual().start(() -> {
            dcs.set(FakeDcs.view(
                    20,
                    "{}",
                    null,
                    members("replica", "replica"),
                    dcs.now().failover().orElseThrow()));
            dcs.set(FakeDcs.view(21, "{}", "n2", members("replica", "replica"), null));
            dcs.set(FakeDcs.view(22, "{}", "n2", members("replica", "primary"), null));
        });
        ActionReply reply =
                stub().switchover(toN2().toBuilder().setActionId("abcd-1234").build());
        assertEquals("Successfully switched over to \"n2\"", reply.getMessage());
        assertEquals(200, reply.getStatus());
        assertTrue(n1.asked.contains("a switchover was asked for"));
        assertEquals("abcd-1234", reply.getActionId());
        assertTrue(reply.getStandstillAtLeastMillis() <= reply.getStandstillAtMostMillis(), reply::toString);
        GetActionReply told = stub().getAction(
                        GetActionRequest.newBuilder().setActionId("abcd-1234").build());
        assertEquals(reply, told.getResult());
        assertEquals("switchover from n1 to n2", told.getWhat());
        assertEquals(
                "n2 runs as leader", told.getSteps(told.getStepsCount() - 1).getText());
        assertFalse(stub().getAction(
                        GetActionRequest.newBuilder().setActionId("other").build())
                .getKnown());
    }

    @Test
    void anotherThanTheCandidateWon() {
        List<Member> three = List.of(
                member("n1", "replica", address1.toString()),
                member("n2", "replica", address2.toString()),
                member("n3", "primary", ""));
        dcs.onFailoverKey = () -> dcs.set(FakeDcs.view(20, "{}", "n3", three, null));
        ActionReply reply = stub().switchover(toN2());
        assertEquals("Switched over to \"n3\" instead of \"n2\"", reply.getMessage());
        assertEquals(200, reply.getStatus());
    }

    @Test
    void failoverWithoutLeader() {
        dcs.set(FakeDcs.view(11, "{}", null, members("replica", "replica"), null));
        dcs.onFailoverKey = () -> dcs.set(FakeDcs.view(20, "{}", "n2", members("replica", "primary"), null));
        ActionReply reply =
                stub().failover(FailoverRequest.newBuilder().setCandidate("n2").build());
        assertEquals("Successfully failed over to \"n2\"", reply.getMessage());
    }

    @Test
    void failoverTakesThePlaceOfASwitchoverThatStands() {
        dcs.set(FakeDcs.view(
                11,
                "{}",
                null,
                members("replica", "replica"),
                new Versioned<>(
                        new dev.matriarch.dcs.FailoverRequest(Optional.of("n3"), Optional.of("n1"), Optional.empty()),
                        11)));
        dcs.onFailoverKey = () -> {
            assertEquals(
                    new dev.matriarch.dcs.FailoverRequest(Optional.empty(), Optional.of("n2"), Optional.empty()),
                    dcs.now().failover().orElseThrow().value());
            dcs.set(FakeDcs.view(20, "{}", "n2", members("replica", "primary"), null));
        };
        ActionReply reply =
                stub().failover(FailoverRequest.newBuilder().setCandidate("n2").build());
        assertEquals("Successfully failed over to \"n2\"", reply.getMessage());
    }

    @Test
    void requestThatCrossesAnotherIsToldSo() {
        dcs.beforeFailoverKey = () -> dcs.set(FakeDcs.view(
                11,
                "{}",
                "n1",
                members("primary", "replica"),
                new Versioned<>(
                        new dev.matriarch.dcs.FailoverRequest(Optional.of("n1"), Optional.empty(), Optional.empty()),
                        11)));
        ActionReply reply =
                stub().failover(FailoverRequest.newBuilder().setCandidate("n2").build());
        assertEquals(503, reply.getStatus());
        assertTrue(
                reply.getMessage().startsWith("failed to write failover key into DCS: somebody else asked"),
                reply::getMessage);
        assertEquals(
                Optional.of("n1"), dcs.now().failover().orElseThrow().value().leader());
    }

    @Test
    void theKeyVanished() {
        dcs.onFailoverKey = () -> dcs.set(FakeDcs.view(20, "{}", "n1", members("primary", "replica"), null));
        ActionReply reply = stub().switchover(toN2());
        assertEquals(503, reply.getStatus());
        assertEquals("Switchover failed", reply.getMessage());
    }

    private static Event decided(Instant at, String what) {
        return new Event(at, Event.Kind.DECISION, false, what);
    }

    @Test
    void theLeaderTellsWhyItDidNotHandOver() {
        dcs.onFailoverKey = () -> {
            n1.events = List.of(
                    decided(
                            Instant.now().minusSeconds(60),
                            "no healthy members found, switchover is not possible: old"),
                    decided(
                            Instant.now(),
                            "no healthy members found, switchover is not possible: Member n2 is not reachable"),
                    decided(Instant.now(), "no action. I am (n1), the leader with the lock"));
            dcs.set(FakeDcs.view(20, "{}", "n1", members("primary", "replica"), null));
        };
        assertEquals(
                "Switchover failed: Member n2 is not reachable",
                stub().switchover(toN2()).getMessage());
    }

    @Test
    void aLeaderThatIsAnotherMemberIsAskedWhy() {
        dcs.set(FakeDcs.view(10, "{}", "n2", members("replica", "primary"), null));
        dcs.onFailoverKey = () -> {
            n2.events = List.of(decided(Instant.now(), "leader name does not match: n9 != n2"));
            dcs.set(FakeDcs.view(20, "{}", "n2", members("replica", "primary"), null));
        };
        ActionReply reply =
                stub().switchover(SwitchoverRequest.newBuilder().setLeader("n2").build());
        assertEquals("Switchover failed: leader name does not match: n9 != n2", reply.getMessage());
    }

    @Test
    void aSwitchoverWaitsUntilTheLeaderCountsTheCandidate() throws Exception {
        quorumWithout("n2");
        dcs.beforeFailoverKey =
                () -> assertTrue(dcs.now().sync().orElseThrow().value().contains("n2"), "asked for too early");
        dcs.onFailoverKey = () -> dcs.set(FakeDcs.view(21, "{}", "n2", members("replica", "primary"), null));
        ActionReply[] reply = new ActionReply[1];
        Thread asking = Thread.ofVirtual()
                .start(() -> reply[0] = stub().switchover(
                                toN2().toBuilder().setActionId("wait-1").build()));
        GetActionRequest which =
                GetActionRequest.newBuilder().setActionId("wait-1").build();
        long deadline = System.nanoTime() + Duration.ofSeconds(8).toNanos();
        while (stub().getAction(which).getStepsCount() == 0) {
            assertTrue(System.nanoTime() < deadline, "no step is told");
            Thread.onSpinWait();
        }
        assertEquals(NOT_YET, stub().getAction(which).getSteps(0).getText());
        assertTrue(dcs.now().failover().isEmpty());
        dcs.set(FakeDcs.synchronous(
                FakeDcs.view(11, "{}", "n1", members("primary", "replica"), null), "n1", "n2", "n3"));
        asking.join(Duration.ofSeconds(20));
        assertEquals("Successfully switched over to \"n2\"", reply[0].getMessage());
    }

    @Test
    @Tag("slow")
    void aCandidateIsAskedAgainAfterAWait() throws Exception {
        quorumWithout("n2");
        Thread later = Thread.ofVirtual().start(() -> {
            try {
                // Longer than answers of members count.
                Thread.sleep(2_300);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            n2.position = new Position(false, true, n2.position.lsn(), 1, false, 1, false);
            dcs.set(FakeDcs.synchronous(
                    FakeDcs.view(11, "{}", "n1", members("primary", "replica"), null), "n1", "n2", "n3"));
        });
        ActionReply reply = stub().switchover(toN2());
        later.join(Duration.ofSeconds(5));
        assertEquals(412, reply.getStatus(), reply::toString);
        assertTrue(dcs.now().failover().isEmpty());
    }

    @Test
    void aCandidateWhoseTagsKeepItOutOfTheSetIsRefusedAtOnce() {
        n1.config = FakeLocalAgent.config(SynchronousMode.QUORUM, false);
        List<Member> members = List.of(
                member("n1", "primary", address1.toString()),
                FakeLocalAgent.tagged(member("n2", "replica", address2.toString()), Map.of("nosync", true)));
        dcs.set(FakeDcs.synchronous(FakeDcs.view(10, "{}", "n1", members, null), "n1", "n3"));
        ActionReply reply = stub().switchover(toN2());
        assertEquals(412, reply.getStatus());
        assertEquals(
                "switchover is not possible: Member n2 is not synchronous, and its tags keep it from being so",
                reply.getMessage());
        assertTrue(dcs.now().failover().isEmpty());
    }

    @Test
    @Tag("slow")
    void aCandidateThatDoesNotBecomeSynchronousIsRefusedWithTheReason() {
        quorumWithout("n2");
        ActionReply reply = stub().switchover(toN2());
        assertEquals(412, reply.getStatus());
        assertEquals(
                "switchover is not possible: Member n2 is not synchronous, and did not become so within 10 seconds;"
                        + " nothing was done",
                reply.getMessage());
        assertTrue(dcs.now().failover().isEmpty());
    }

    @Test
    void badCandidateIsRefusedAndNothingWritten() {
        n2.position = new Position(false, true, n2.position.lsn(), 1, false, 1, false);
        ActionReply reply = stub().switchover(toN2());
        assertEquals(412, reply.getStatus());
        assertTrue(dcs.now().failover().isEmpty());
    }

    @Test
    void scheduledIsAcceptedAndCancelled() {
        ActionReply reply = stub().switchover(toN2().toBuilder()
                .setScheduledAt("2999-01-01T00:00:00Z")
                .build());
        assertEquals(202, reply.getStatus());
        assertEquals("Switchover scheduled", reply.getMessage());
        assertTrue(dcs.now().failover().isPresent());
        assertEquals(
                "2999-01-01T00:00:00Z",
                stub().getCluster(GetClusterRequest.getDefaultInstance())
                        .getScheduledSwitchover()
                        .getAt());
        Operations operations = ((RpcDoor) open.getFirst()).operations();
        assertEquals(200, operations.cancelSwitchover().status());
        assertEquals(404, operations.cancelSwitchover().status());
    }

    @Test
    void pausedSwitchoverNeedsACandidate() {
        n1.config = FakeLocalAgent.config(SynchronousMode.OFF, true);
        assertEquals(
                400,
                stub().switchover(toN2().toBuilder().clearCandidate().build()).getStatus());
        assertEquals("n1", dcs.now().leader().map(Leader::name).orElseThrow());
    }
}
