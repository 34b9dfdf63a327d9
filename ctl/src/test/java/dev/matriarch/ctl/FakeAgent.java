package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.CancelRestartRequest;
import dev.matriarch.proto.control.v1.CancelSwitchoverRequest;
import dev.matriarch.proto.control.v1.ControlServiceGrpc;
import dev.matriarch.proto.control.v1.EffectiveSetting;
import dev.matriarch.proto.control.v1.ExplainReply;
import dev.matriarch.proto.control.v1.ExplainRequest;
import dev.matriarch.proto.control.v1.FailoverRequest;
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
import dev.matriarch.proto.sharding.v1.GroupsReply;
import dev.matriarch.proto.sharding.v1.GroupsRequest;
import dev.matriarch.proto.sharding.v1.ShardingServiceGrpc;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;

/** An agent that answers what a test tells it to. */
final class FakeAgent extends ControlServiceGrpc.ControlServiceImplBase implements AutoCloseable {
    private final Server server;
    final List<Object> asked = new ArrayList<>();
    volatile GetClusterReply cluster = threeMembers().build();
    volatile String config = "{\"ttl\": 5, \"postgresql\": {\"parameters\": {\"work_mem\": \"4MB\"}}}";
    volatile long revision = 7;
    volatile boolean conflict;
    volatile ActionReply action =
            ActionReply.newBuilder().setStatus(200).setMessage("done").build();

    /** Of no Citus database. */
    volatile GroupsReply groups = GroupsReply.getDefaultInstance();

    private volatile GetClusterReply next;

    /** What the cluster looks like after the next change of its configuration. */
    void afterTheNextChange(GetClusterReply after) {
        next = after;
    }

    FakeAgent() throws IOException {
        server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
                .directExecutor()
                .addService(this)
                .addService(new ShardingServiceGrpc.ShardingServiceImplBase() {
                    @Override
                    public void groups(GroupsRequest request, StreamObserver<GroupsReply> to) {
                        to.onNext(groups);
                        to.onCompleted();
                    }
                })
                .build();
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
        to.onNext(answer);
        to.onCompleted();
    }

    @Override
    public void getCluster(GetClusterRequest request, StreamObserver<GetClusterReply> to) {
        to.onNext(cluster);
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
        } else {
            config = request.getJson();
            revision++;
            if (next != null) {
                cluster = next;
                next = null;
            }
            answer.setWritten(true).setRevision(revision);
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
        reply(to, request, action);
    }

    @Override
    public void failover(FailoverRequest request, StreamObserver<ActionReply> to) {
        reply(to, request, action);
    }

    @Override
    public void restart(RestartRequest request, StreamObserver<ActionReply> to) {
        reply(to, request, action);
    }

    @Override
    public void reinitialize(ReinitializeRequest request, StreamObserver<ActionReply> to) {
        reply(to, request, action);
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
        reply(to, request, action);
    }

    @Override
    public void close() {
        server.shutdownNow();
    }
}
