package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.CancelRestartRequest;
import dev.matriarch.proto.control.v1.CancelSwitchoverRequest;
import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.EffectiveSetting;
import dev.matriarch.proto.control.v1.ExplainReply;
import dev.matriarch.proto.control.v1.ExplainRequest;
import dev.matriarch.proto.control.v1.FailoverRequest;
import dev.matriarch.proto.control.v1.GetActionReply;
import dev.matriarch.proto.control.v1.GetActionRequest;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.GetClusterRequest;
import dev.matriarch.proto.control.v1.GetConfigReply;
import dev.matriarch.proto.control.v1.GetConfigRequest;
import dev.matriarch.proto.control.v1.GetEffectiveConfigReply;
import dev.matriarch.proto.control.v1.GetEffectiveConfigRequest;
import dev.matriarch.proto.control.v1.GetHistoryReply;
import dev.matriarch.proto.control.v1.GetHistoryRequest;
import dev.matriarch.proto.control.v1.GetVersionReply;
import dev.matriarch.proto.control.v1.GetVersionRequest;
import dev.matriarch.proto.control.v1.HistoryRow;
import dev.matriarch.proto.control.v1.MemberOutlook;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.MemberVersion;
import dev.matriarch.proto.control.v1.ReinitializeRequest;
import dev.matriarch.proto.control.v1.ReloadRequest;
import dev.matriarch.proto.control.v1.RemoveClusterRequest;
import dev.matriarch.proto.control.v1.RestartRequest;
import dev.matriarch.proto.control.v1.SetConfigReply;
import dev.matriarch.proto.control.v1.SetConfigRequest;
import dev.matriarch.proto.control.v1.SwitchoverRequest;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;

/** An agent that answers what a test tells it to. */
final class FakeAgent extends ControlServiceGrpc.ControlServiceImplBase implements AutoCloseable {
    private final Server server;
    final List<Object> asked = new ArrayList<>();
    /** What it answers to those who only look. */
    final FakeView shown = new FakeView(asked);

    volatile GetClusterReply cluster = threeMembers().build();
    volatile String config = "{\"ttl\": 5, \"postgresql\": {\"parameters\": {\"work_mem\": \"4MB\"}}}";
    volatile long revision = 7;
    volatile boolean conflict;
    volatile ActionReply action =
            ActionReply.newBuilder().setStatus(200).setMessage("done").build();

    /** Of a switchover that ends when somebody has asked how far it got; null: it ends at once. */
    volatile GetActionReply progress;

    private final CountDownLatch progressWasAsked = new CountDownLatch(1);

    /** How orders fail that reach it; null: they are answered. */
    volatile Status failure;

    /** Orders for this member are not answered; null: all are. */
    volatile String silentMember;

    /** When it is asked for a reload. */
    volatile boolean diesOfReload;

    /** When it is asked for a copy. */
    volatile boolean diesOfReinit;

    /** When it has answered that a copy begins. */
    volatile boolean diesAfterReinit;

    /** Copies are passed on to their members, whose answers are lost. */
    volatile boolean losesReinit;

    /** How the cluster is at the next looks at it; after them as {@link #cluster} says. */
    final Queue<GetClusterReply> looks = new ConcurrentLinkedQueue<>();

    /** After the next order nobody learns how the cluster is. */
    volatile boolean blindAfterAnOrder;

    /** What it says of the store that did not confirm a change; null: it confirmed. */
    volatile String unconfirmed;

    /** After the next change of the configuration nobody learns how the cluster is. */
    volatile boolean blindAfterTheChange;

    private volatile boolean blind;

    /** When it is asked for a switchover. */
    volatile boolean dies;

    final CountDownLatch dead = new CountDownLatch(1);

    /** Says nothing before that; null: answers at once. */
    volatile CountDownLatch silentUntil;

    private volatile GetClusterReply next;

    /** What the cluster looks like after the next change of its configuration. */
    void afterTheNextChange(GetClusterReply after) {
        next = after;
    }

    FakeAgent() throws IOException {
        this(null);
    }

    /** @param tls null: in plain text */
    FakeAgent(SslContext tls) throws IOException {
        NettyServerBuilder door = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
                .sslContext(tls)
                .directExecutor()
                .addService(this);
        shown.services().forEach(door::addService);
        server = door.build();
    }

    FakeAgent start() throws IOException {
        server.start();
        return this;
    }

    String endpoint() {
        return "127.0.0.1:" + server.getPort();
    }

    static GetClusterReply.Builder threeMembers() {
        return GetClusterReply.newBuilder()
                .setScope("demo")
                .setSystemIdentifier("7400000000000000001")
                .setGuarantee("a failover now loses at most: nothing")
                .setSynchronousMode("quorum")
                .setLoopWaitSeconds(1)
                .addMembers(row("n1", "leader", "running"))
                .addMembers(row("n2", "quorum_standby", "streaming")
                        .setReceiveLsn(0x5400000)
                        .setReplayLsn(0x5400000)
                        .setReceiveLag(0)
                        .setReplayLag(3 << 20))
                .addMembers(row("n3", "replica", "streaming").putTags("replicatefrom", "n2"));
    }

    private static MemberRow.Builder row(String name, String role, String state) {
        return MemberRow.newBuilder()
                .setName(name)
                .setHost("10.0.0." + name.substring(1))
                .setPort(5432)
                .setRole(role)
                .setState(state)
                .setTimeline(4);
    }

    private <T> void reply(StreamObserver<T> to, Object request, T answer) {
        asked.add(request);
        if (failure != null && (answer instanceof ActionReply || answer instanceof SetConfigReply)) {
            to.onError(failure.asRuntimeException());
            return;
        }
        blind |= blindAfterAnOrder && answer instanceof ActionReply;
        to.onNext(answer);
        to.onCompleted();
    }

    @Override
    public void getCluster(GetClusterRequest request, StreamObserver<GetClusterReply> to) {
        if (silentUntil == null) {
            tellCluster(request, to);
            return;
        }
        Thread.ofVirtual().start(() -> {
            try {
                silentUntil.await(20, java.util.concurrent.TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            tellCluster(request, to);
        });
    }

    private void tellCluster(GetClusterRequest request, StreamObserver<GetClusterReply> to) {
        if (blind) {
            to.onError(Status.DEADLINE_EXCEEDED.asRuntimeException());
            return;
        }
        GetClusterReply look = looks.poll();
        to.onNext(look == null ? cluster : look);
        to.onCompleted();
    }

    @Override
    public void getConfig(GetConfigRequest request, StreamObserver<GetConfigReply> to) {
        to.onNext(GetConfigReply.newBuilder()
                .setExists(true)
                .setJson(config)
                .setRevision(revision)
                .build());
        to.onCompleted();
    }

    @Override
    public void getEffectiveConfig(GetEffectiveConfigRequest request, StreamObserver<GetEffectiveConfigReply> to) {
        GetEffectiveConfigReply.Builder answer = GetEffectiveConfigReply.newBuilder()
                .setMember(request.getMember().isEmpty() ? "n1" : request.getMember());
        if (request.getMember().equals("n9")) {
            answer.setProblem("n9 is not a member of cluster demo");
        } else {
            answer.addSettings(EffectiveSetting.newBuilder()
                            .setKey("ttl")
                            .setValue("5")
                            .setSource("cluster-wide configuration"))
                    .addSettings(EffectiveSetting.newBuilder()
                            .setKey("postgresql.listen")
                            .setValue("10.0.0.1:5432")
                            .setSource("/etc/m.yml:12"));
        }
        reply(to, request, answer.build());
    }

    @Override
    public void setConfig(SetConfigRequest request, StreamObserver<SetConfigReply> to) {
        SetConfigReply.Builder answer = SetConfigReply.newBuilder();
        if (conflict || request.getExpectedRevision() != revision) {
            answer.setConflict(true);
        } else if (request.getJson().contains("bogus")) {
            answer.setProblem("unknown key bogus");
        } else if (unconfirmed != null) {
            answer.setProblem(unconfirmed).setActionId(request.getActionId());
        } else {
            blind = blindAfterTheChange;
            config = request.getJson();
            revision++;
            if (next != null) {
                cluster = next;
                next = null;
            }
            answer.setWritten(true).setRevision(revision).setActionId(request.getActionId());
        }
        reply(to, request, answer.build());
    }

    @Override
    public void getHistory(GetHistoryRequest request, StreamObserver<GetHistoryReply> to) {
        reply(
                to,
                request,
                GetHistoryReply.newBuilder()
                        .addRows(HistoryRow.newBuilder()
                                .setTimeline(1)
                                .setLsn(25623960)
                                .setReason("no recovery target specified")
                                .setTimestamp("2026-11-21T01:02:03+00:00")
                                .setNewLeader("n2"))
                        .build());
    }

    @Override
    public void explain(ExplainRequest request, StreamObserver<ExplainReply> to) {
        reply(
                to,
                request,
                ExplainReply.newBuilder()
                        .setLeader("n1")
                        .setOutlook("If n1 died now, n2 would be promoted.")
                        .setHeir("n2")
                        .setFailoverSeconds(5)
                        .setGuarantee("a failover now loses at most: nothing")
                        .addMembers(MemberOutlook.newBuilder()
                                .setName("n1")
                                .setLeads(true)
                                .setReachable(true)
                                .setWhy("it is the leader"))
                        .addMembers(MemberOutlook.newBuilder()
                                .setName("n2")
                                .setReachable(true)
                                .setPromotable(true)
                                .setWhy("I am the healthiest member")
                                .setLsn(0x5400000)
                                .setTimeline(3)
                                .setSwitchoverTarget(true))
                        .build());
    }

    @Override
    public void getVersion(GetVersionRequest request, StreamObserver<GetVersionReply> to) {
        reply(
                to,
                request,
                GetVersionReply.newBuilder()
                        .addMembers(MemberVersion.newBuilder()
                                .setName("n1")
                                .setMatriarch("0.1.0")
                                .setPostgresql(150004))
                        .build());
    }

    @Override
    public void switchover(SwitchoverRequest request, StreamObserver<ActionReply> to) {
        if (dies) {
            Thread.ofVirtual().start(() -> {
                server.shutdownNow();
                dead.countDown();
            });
        } else if (progress == null) {
            reply(to, request, action);
        } else {
            Thread.ofVirtual().start(() -> {
                try {
                    progressWasAsked.await(10, java.util.concurrent.TimeUnit.SECONDS);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                reply(to, request, action);
            });
        }
    }

    @Override
    public void getAction(GetActionRequest request, StreamObserver<GetActionReply> to) {
        to.onNext(progress == null ? GetActionReply.getDefaultInstance() : progress);
        to.onCompleted();
        progressWasAsked.countDown();
    }

    @Override
    public void failover(FailoverRequest request, StreamObserver<ActionReply> to) {
        reply(to, request, action);
    }

    @Override
    public void restart(RestartRequest request, StreamObserver<ActionReply> to) {
        if (request.getMember().equals(silentMember)) {
            asked.add(request);
            to.onError(Status.DEADLINE_EXCEEDED.asRuntimeException());
            return;
        }
        reply(to, request, action);
    }

    @Override
    public void reinitialize(ReinitializeRequest request, StreamObserver<ActionReply> to) {
        if (diesOfReinit) {
            Thread.ofVirtual().start(server::shutdownNow);
            return;
        }
        reply(
                to,
                request,
                losesReinit
                        ? ActionReply.newBuilder()
                                .setStatus(503)
                                .setMessage("member n2 gave no answer")
                                .setActionId(request.getActionId())
                                .build()
                        : action);
        if (diesAfterReinit) {
            Thread.ofVirtual().start(server::shutdown);
        }
    }

    @Override
    public void cancelRestart(CancelRestartRequest request, StreamObserver<ActionReply> to) {
        reply(to, request, action);
    }

    @Override
    public void cancelSwitchover(CancelSwitchoverRequest request, StreamObserver<ActionReply> to) {
        reply(to, request, action);
    }

    @Override
    public void removeCluster(RemoveClusterRequest request, StreamObserver<ActionReply> to) {
        reply(to, request, action);
    }

    @Override
    public void reload(ReloadRequest request, StreamObserver<ActionReply> to) {
        if (diesOfReload) {
            Thread.ofVirtual().start(server::shutdownNow);
            return;
        }
        reply(to, request, action);
    }

    @Override
    public void close() {
        server.shutdownNow();
    }
}
