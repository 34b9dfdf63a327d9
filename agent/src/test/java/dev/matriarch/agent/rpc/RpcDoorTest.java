package dev.matriarch.agent.rpc;

import static dev.matriarch.agent.rpc.FakeLocalAgent.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.ha.Candidacy;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.CancelRestartRequest;
import dev.matriarch.proto.control.v1.CancelSwitchoverRequest;
import dev.matriarch.proto.control.v1.ExplainReply;
import dev.matriarch.proto.control.v1.ExplainRequest;
import dev.matriarch.proto.control.v1.GetActionReply;
import dev.matriarch.proto.control.v1.GetActionRequest;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.control.v1.GetVersionReply;
import dev.matriarch.proto.control.v1.GetVersionRequest;
import dev.matriarch.proto.control.v1.ReinitializeRequest;
import dev.matriarch.proto.control.v1.ReloadRequest;
import dev.matriarch.proto.control.v1.RemoveClusterRequest;
import dev.matriarch.proto.control.v1.RestartRequest;
import dev.matriarch.proto.control.v1.SetConfigReply;
import dev.matriarch.proto.control.v1.SetConfigRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RpcDoorTest extends TwoMembers {
    @Test
    void explainsWhatTheMembersSayOfThemselves() {
        n1.candidacy = new Candidacy(false, "it is the leader", new Lsn(200), 1);
        ExplainReply reply = stub().explain(ExplainRequest.getDefaultInstance());
        assertEquals("n1", reply.getLeader());
        assertEquals("n2", reply.getHeir());
        assertEquals("it is the leader", reply.getMembers(0).getWhy());
        assertEquals("I am the healthiest member", reply.getMembers(1).getWhy());
        // The leader is not asked: the question is what happens without it.
        assertEquals(List.of("candidacy against []"), n2.asked);
        assertEquals(List.of("candidacy against [n2]"), n1.asked);
    }

    @Test
    void onlyADeadClusterIsRemoved() {
        RemoveClusterRequest request =
                RemoveClusterRequest.newBuilder().setScope("demo").build();
        ActionReply alive = stub().removeCluster(request);
        assertEquals(409, alive.getStatus());
        assertTrue(alive.getMessage().contains("n1 leads it"), alive::getMessage);
        dcs.set(FakeDcs.view(11, "{}", null, members("primary", "replica"), null));
        ActionReply running = stub().removeCluster(request);
        assertEquals(409, running.getStatus());
        assertTrue(running.getMessage().contains("runs on n1, n2"), running::getMessage);
        assertEquals(
                412,
                stub().removeCluster(RemoveClusterRequest.newBuilder()
                                .setScope("other")
                                .build())
                        .getStatus());
        dcs.set(FakeDcs.view(12, "{}", null, List.of(), null));
        assertEquals(200, stub().removeCluster(request).getStatus());
        assertTrue(dcs.now().config().isEmpty());
    }

    @Test
    void showsTheCluster() {
        GetClusterReply reply = stub().getCluster(GetClusterRequest.getDefaultInstance());
        assertEquals("demo", reply.getScope());
        assertEquals("74", reply.getSystemIdentifier());
        assertEquals("leader", reply.getMembers(0).getRole());
        assertEquals("replica", reply.getMembers(1).getRole());
        assertEquals("streaming", reply.getMembers(1).getState());
        assertEquals(1 << 20, reply.getMembers(1).getReplayLag());
        assertEquals("10.0.0.1", reply.getMembers(1).getHost());
        assertEquals(42, reply.getViewAgeMillis());
        dcs.takeDown();
        assertEquals(
                "demo",
                stub().getCluster(GetClusterRequest.getDefaultInstance()).getScope());
    }

    @Test
    void aChangeThatTheStoreDoesNotConfirmHasItsIdAsWell() {
        dcs.takeDown();
        SetConfigReply reply = stub().setConfig(SetConfigRequest.newBuilder()
                .setJson("{\"ttl\": 6}")
                .setExpectedRevision(1)
                .setActionId("change-1")
                .build());
        assertFalse(reply.getWritten());
        assertTrue(reply.getProblem().startsWith("the store did not confirm the change"), reply::getProblem);
        assertEquals("change-1", reply.getActionId());
    }

    @Test
    void configIsWrittenOnlyAtItsRevision() {
        SetConfigRequest right = SetConfigRequest.newBuilder()
                .setJson("{}")
                .setExpectedRevision(1)
                .build();
        assertEquals(
                "unknown key bogus",
                stub().setConfig(right.toBuilder().setJson("{\"bogus\":1}").build())
                        .getProblem());
        assertTrue(stub().setConfig(right).getWritten());
        assertTrue(stub().setConfig(right).getConflict());
        assertEquals("{}", dcs.now().config().map(Versioned::value).orElseThrow());
    }

    @Test
    void ordersGoToTheirMember() {
        assertEquals(
                200,
                stub().restart(RestartRequest.newBuilder()
                                .setMember("n2")
                                .setTimeoutSeconds(3)
                                .build())
                        .getStatus());
        assertEquals(List.of("restart 3"), n2.asked);
        assertEquals(
                202,
                stub().reload(ReloadRequest.newBuilder().setMember("n1").build())
                        .getStatus());
        assertEquals(List.of("reload"), n1.asked);
        assertEquals(
                404,
                stub().reload(ReloadRequest.newBuilder().setMember("n9").build())
                        .getStatus());
        assertEquals(
                "I am the leader, can not reinitialize",
                stub().reinitialize(
                                ReinitializeRequest.newBuilder().setMember("n1").build())
                        .getMessage());
        assertEquals(
                "restart conditions are not satisfied: the role is replica, not primary",
                stub().restart(RestartRequest.newBuilder()
                                .setMember("n2")
                                .setRole("primary")
                                .build())
                        .getMessage());
        assertEquals(
                400,
                stub().restart(RestartRequest.newBuilder()
                                .setMember("n2")
                                .setPostgresVersion("new")
                                .build())
                        .getStatus());
    }

    @Test
    void orderedThroughOneMemberAndFollowedAtAnother() {
        ActionReply reply = stub().restart(RestartRequest.newBuilder()
                .setMember("n2")
                .setActionId("to-n2")
                .build());
        assertEquals("to-n2", reply.getActionId());
        GetActionRequest which = GetActionRequest.newBuilder()
                .setActionId("to-n2")
                .setMember("n2")
                .build();
        GetActionReply followed = stub().getAction(which);
        assertEquals("PostgreSQL: restarting", followed.getSteps(0).getText());
        assertFalse(stub().getAction(which.toBuilder().clearMember().build()).getKnown());
        assertEquals(
                List.of(
                        "action to-n2: restart n2 is asked for",
                        "action to-n2 (restart n2) ended: 200 restarted successfully"),
                n2.orders);
        assertEquals(List.of(), n1.orders);
    }

    @Test
    void aReinitGoesOnAfterItsAnswer() {
        ReinitializeRequest request = ReinitializeRequest.newBuilder()
                .setMember("n2")
                .setActionId("copy-1")
                .build();
        assertEquals("reinitialize started", stub().reinitialize(request).getMessage());
        GetActionRequest which = GetActionRequest.newBuilder()
                .setActionId("copy-1")
                .setMember("n2")
                .build();
        assertFalse(stub().getAction(which).hasResult());
        n2.cloning.step("PostgreSQL: creating replica");
        n2.cloning.ended(new Outcome(200, "reinitialized"));
        assertEquals("reinitialized", stub().getAction(which).getResult().getMessage());
        assertEquals(1, stub().getAction(which).getStepsCount());
    }

    @Test
    void pauseAndResumeHaveIds() {
        SetConfigRequest pause = SetConfigRequest.newBuilder()
                .setJson("{\"pause\":true}")
                .setExpectedRevision(1)
                .setActionId("night-1")
                .build();
        assertEquals("night-1", stub().setConfig(pause).getActionId());
        assertEquals(
                List.of(
                        "action night-1: pause is asked for",
                        "action night-1 (pause) ended: 200 written as revision 11"),
                n1.orders);
        n1.config = FakeLocalAgent.config(SynchronousMode.OFF, true);
        stub().setConfig(SetConfigRequest.newBuilder()
                .setJson("{}")
                .setExpectedRevision(11)
                .setActionId("morning")
                .build());
        assertTrue(n1.orders.contains("action morning: resume is asked for"), n1.orders::toString);
    }

    @Test
    void ordersThroughTheRestApiHaveIdsToo() {
        Operations operations = ((RpcDoor) open.getFirst()).operations();
        Operations.Ordered ordered = operations.reload();
        assertEquals(202, ordered.outcome().status());
        assertEquals("action " + ordered.action() + ": reload n1 (REST API) is asked for", n1.orders.getFirst());
        assertTrue(operations.setConfig("{}", Expected.anything()) instanceof Operations.ConfigOutcome.Changed);
        assertTrue(
                n1.orders.get(2).endsWith(": change of the cluster-wide configuration (REST API) is asked for"),
                n1.orders::toString);
    }

    @Test
    void restartForLaterIsCheckedWhereItIsKept() {
        RestartRequest later = RestartRequest.newBuilder()
                .setMember("n2")
                .setScheduledAt("2099-01-01T10:00:00+01:00")
                .setRole("primary")
                .build();
        assertEquals("Restart scheduled", stub().restart(later).getMessage());
        assertEquals(List.of("restart at 2099-01-01T09:00:00Z"), n2.asked);
        Map.of(
                        "2099-01-01T10:00:00", "Timezone information is mandatory for the scheduled restart",
                        "2020-01-01T10:00:00Z", "Cannot schedule restart in the past",
                        "soon",
                                "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g."
                                        + " ISO 8601")
                .forEach((at, refusal) -> assertEquals(
                        refusal,
                        stub().restart(later.toBuilder().setScheduledAt(at).build())
                                .getMessage()));
        n2.config = FakeLocalAgent.config(dev.matriarch.agent.config.DynamicConfig.SynchronousMode.OFF, true);
        assertEquals(
                "Can't schedule restart in the paused state",
                stub().restart(later).getMessage());
        assertEquals(1, n2.asked.size());
    }

    @Test
    void scheduledThingsAreCancelled() {
        assertEquals(
                404,
                stub().cancelRestart(CancelRestartRequest.newBuilder()
                                .setMember("n2")
                                .build())
                        .getStatus());
        assertEquals(List.of("cancel restart"), n2.asked);
        assertEquals(
                "no switchover is scheduled",
                stub().cancelSwitchover(CancelSwitchoverRequest.getDefaultInstance())
                        .getMessage());
    }

    @Test
    void anOrderWhoseAnswerIsLostKeepsItsIdAndOneThatNeverArrivedHasNone() throws Exception {
        ServerSocket other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        String there = "127.0.0.1:" + other.getLocalPort();
        dcs.set(FakeDcs.view(
                13,
                "{}",
                "n1",
                List.of(member("n1", "primary", address1.toString()), member("n3", "replica", there)),
                null));
        ReloadRequest request = ReloadRequest.newBuilder()
                .setMember("n3")
                .setActionId("abcd1234")
                .build();
        Thread hangsUp = Thread.ofVirtual().start(() -> {
            try {
                other.accept().close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        ActionReply lost = stub().reload(request);
        assertEquals(503, lost.getStatus(), lost::toString);
        assertEquals("abcd1234", lost.getActionId());
        hangsUp.join();
        other.close();
        ActionReply nobody = stub().reload(request);
        assertEquals(502, nobody.getStatus(), nobody::toString);
        assertEquals("", nobody.getActionId());
    }

    @Test
    void aForwardedOrderIsNotForwardedAgain() {
        // n3 and n2 publish the same address: the request for n3 reaches n2, which must not send it on.
        dcs.set(FakeDcs.view(
                12,
                "{}",
                "n1",
                List.of(member("n1", "primary", address1.toString()), member("n3", "replica", address2.toString())),
                null));
        ActionReply reply =
                stub().reload(ReloadRequest.newBuilder().setMember("n3").build());
        assertEquals(502, reply.getStatus());
        assertTrue(reply.getMessage().contains("answered by member n2"), reply.getMessage());
    }

    @Test
    void versionsOfAll() {
        GetVersionReply reply = stub().getVersion(GetVersionRequest.getDefaultInstance());
        assertEquals(2, reply.getMembersCount());
        assertEquals(150004, reply.getMembers(1).getPostgresql());
        assertEquals("", reply.getMembers(1).getProblem());
    }

    @Test
    void positionsOfPeersAndARefusalAnswersAtOnce() throws Exception {
        HostPort nobody = free();
        List<Member> asked =
                List.of(member("n2", "replica", address2.toString()), member("n3", "replica", nobody.toString()));
        long begin = System.nanoTime();
        Map<String, PeerAnswer> answers = peers.positions(asked, Duration.ofSeconds(10));
        assertTrue(System.nanoTime() - begin < Duration.ofSeconds(5).toNanos());
        assertEquals(
                100,
                assertInstanceOf(PeerAnswer.Answered.class, answers.get("n2"))
                        .position()
                        .lsn()
                        .value());
        assertInstanceOf(PeerAnswer.Unreachable.class, answers.get("n3"));
        peers.positions(asked, Duration.ofSeconds(10));
        // It came back: it is reached at once, whatever back-off the failures before have earned; gRPC may be about to
        // note the last failure when the first call begins.
        open.add(door(nobody, new FakeLocalAgent("n3", dcs)));
        PeerAnswer first = peers.positions(asked, Duration.ofSeconds(10)).get("n3");
        assertInstanceOf(
                PeerAnswer.Answered.class,
                first instanceof PeerAnswer.Answered
                        ? first
                        : peers.positions(asked, Duration.ofSeconds(10)).get("n3"));
    }

    @Test
    void anAddressInUseIsNamed() {
        IOException failure = assertThrows(IOException.class, () -> door(address1, n1));
        assertTrue(failure.getMessage().contains(address1.toString()), failure.getMessage());
        assertTrue(failure.getMessage().contains("in use"), failure.getMessage());
    }

    @Test
    void membersPromiseNotToRaceOrSayWhyNot() {
        List<Member> all = List.of(
                member("n1", "replica", address1.toString()),
                member("n2", "replica", address2.toString()),
                member("n3", "replica", ""),
                member("n4", "replica", address2.toString()));
        n2.promiseRefused = java.util.Optional.of("running as a leader");
        Map<String, String> refusals = peers.refusals(
                all, member("n1", "primary", address1.toString()), Duration.ofSeconds(5), Duration.ofSeconds(20));
        assertEquals("running as a leader", refusals.get("n2"));
        assertTrue(refusals.containsKey("n3"), refusals::toString);
        assertTrue(refusals.get("n4").contains("answered by member 'n2'"), refusals::toString);
        assertEquals(3, refusals.size(), refusals::toString);
        assertTrue(n1.promises.getFirst().startsWith("n1 postgres://10.0.0.1:5432/postgres"), n1.promises::toString);
        assertTrue(n1.promises.getFirst().endsWith(" 5000"), n1.promises::toString);
    }
}
