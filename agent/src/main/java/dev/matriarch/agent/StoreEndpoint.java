package dev.matriarch.agent;

import com.google.protobuf.ByteString;
import dev.matriarch.agent.rpc.AsksTheAgent;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.agent.rpc.ServerNotes;
import dev.matriarch.proto.control.v1.ChangePeersReply;
import dev.matriarch.proto.control.v1.ChangePeersRequest;
import dev.matriarch.proto.control.v1.DeadPeer;
import dev.matriarch.proto.control.v1.ListPeersReply;
import dev.matriarch.proto.control.v1.ListPeersRequest;
import dev.matriarch.proto.control.v1.PreviewRecoveryRequest;
import dev.matriarch.proto.control.v1.RaftPeerRow;
import dev.matriarch.proto.control.v1.RaftServiceGrpc;
import dev.matriarch.proto.control.v1.RecoverRequest;
import dev.matriarch.proto.control.v1.RecoveryPreview;
import dev.matriarch.proto.control.v1.SaveSnapshotReply;
import dev.matriarch.proto.control.v1.SaveSnapshotRequest;
import dev.matriarch.proto.control.v1.SnapshotFile;
import dev.matriarch.proto.control.v1.Survivor;
import dev.matriarch.raft.GroupReport;
import dev.matriarch.raft.Recovery;
import dev.matriarch.raft.StoreGroup;
import io.grpc.stub.StreamObserver;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What matriarchctl asks of the built-in store; calls run on the door's virtual threads and may block. */
final class StoreEndpoint extends RaftServiceGrpc.RaftServiceImplBase implements AsksTheAgent {
    private static final Logger LOG = LoggerFactory.getLogger(StoreEndpoint.class);

    private final String scope;
    private final StoreGroup group;

    StoreEndpoint(String scope, StoreGroup group) {
        this.scope = scope;
        this.group = group;
    }

    @Override
    public void agent(LocalAgent agent) {
        group.server(() -> ServerNotes.of(agent));
    }

    @Override
    public void previewRecovery(PreviewRecoveryRequest request, StreamObserver<RecoveryPreview> reply) {
        Recovery found = group.previewRecovery();
        RecoveryPreview.Builder preview = RecoveryPreview.newBuilder()
                .setScope(scope)
                .setGroupId(found.groupId())
                .addAllRefusals(found.refusals())
                .setFounder(found.founder().map(Recovery.Survivor::name).orElse(""))
                .setLossless(found.lossless())
                .addAllFindings(found.findings())
                .setWaitMillis(found.waitMillis())
                .addAllSafe(found.safe());
        found.survivors().forEach(s -> preview.addSurvivors(survivor(s)));
        found.dead()
                .forEach(d -> preview.addDead(DeadPeer.newBuilder()
                        .setName(d.name())
                        .setAddress(d.address())
                        .setPeerId(d.peerId())));
        reply.onNext(preview.build());
        reply.onCompleted();
    }

    private static Survivor.Builder survivor(Recovery.Survivor one) {
        Survivor.Builder out = Survivor.newBuilder()
                .setName(one.name())
                .setAddress(one.address())
                .setPeerId(one.peerId())
                .setTerm(one.lastTerm())
                .setLastIndex(one.lastIndex());
        one.lastContactMillis().ifPresent(out::setLastContactMillis);
        one.server()
                .ifPresent(server -> out.setData(true)
                        .setRunning(server.running())
                        .setPrimary(server.primary())
                        .setTimeline(server.timeline())
                        .setLsn(server.lsn())
                        .setSystemIdentifier(server.systemIdentifier())
                        .setNofailover(server.nofailover()));
        return out;
    }

    @Override
    public void recover(RecoverRequest request, StreamObserver<ChangePeersReply> reply) {
        LOG.warn(
                "Asked to give up the store {} and to form another one from {}; declared dead: {}",
                request.getGroupId(),
                request.getSurvivorsList(),
                request.getDeadList());
        StoreGroup.Result result = group.recover(
                request.getGroupId(),
                Set.copyOf(request.getSurvivorsList()),
                Set.copyOf(request.getDeadList()),
                request.getLossless(),
                request.getWaitMillis());
        LOG.warn("{}", result.message());
        answer(result, reply);
    }

    @Override
    public void listPeers(ListPeersRequest request, StreamObserver<ListPeersReply> reply) {
        GroupReport report = group.report();
        reply.onNext(ListPeersReply.newBuilder()
                .addAllPeers(report.rows().stream().map(row -> row(row).build()).toList())
                .setGroupId(report.groupId())
                .addAllDisagreements(report.disagreements())
                .setVoters(report.voters())
                .setHealthy(report.healthy())
                .setFailureTolerance(report.tolerance())
                .setFeatureLevel(report.featureLevel())
                .setOptimal(report.optimal())
                .setScope(scope)
                .build());
        reply.onCompleted();
    }

    private static RaftPeerRow.Builder row(GroupReport.Row row) {
        RaftPeerRow.Builder out = RaftPeerRow.newBuilder()
                .setName(row.name())
                .setAddress(row.address())
                .setPeerId(row.peerId())
                .setRole(row.role())
                .setLeader(row.leader().orElse(""))
                .setVoter(row.voter())
                .setListener(row.listener())
                .setHealthy(row.healthy())
                .setNote(row.note());
        row.term().ifPresent(out::setTerm);
        row.commitIndex().ifPresent(out::setCommitIndex);
        row.appliedIndex().ifPresent(out::setAppliedIndex);
        row.lastContactMillis().ifPresent(out::setLastContactMillis);
        row.fsyncP50Millis().ifPresent(out::setFsyncP50Millis);
        row.fsyncP99Millis().ifPresent(out::setFsyncP99Millis);
        return out;
    }

    @Override
    public void saveSnapshot(SaveSnapshotRequest request, StreamObserver<SaveSnapshotReply> reply) {
        StoreGroup.Saved saved = group.save();
        reply.onNext(SaveSnapshotReply.newBuilder()
                .setFile(ByteString.copyFrom(saved.file()))
                .setProblem(saved.problem())
                .build());
        reply.onCompleted();
    }

    @Override
    public void inspectSnapshot(SnapshotFile request, StreamObserver<ChangePeersReply> reply) {
        answer(group.inspect(request.getFile().toByteArray()), reply);
    }

    @Override
    public void restoreSnapshot(SnapshotFile request, StreamObserver<ChangePeersReply> reply) {
        answer(group.restore(request.getFile().toByteArray()), reply);
    }

    private static void answer(StoreGroup.Result result, StreamObserver<ChangePeersReply> reply) {
        reply.onNext(told(result));
        reply.onCompleted();
    }

    static ChangePeersReply told(StoreGroup.Result result) {
        return ChangePeersReply.newBuilder()
                .setDone(result.done())
                .setMessage(result.message())
                .setUnknown(result.unknown())
                .build();
    }

    @Override
    public void changePeers(ChangePeersRequest request, StreamObserver<ChangePeersReply> reply) {
        StoreGroup.Result result = switch (request.getKindCase()) {
            case ADD -> group.add(request.getAdd());
            case ADD_LISTENER -> group.addListener(request.getAddListener());
            case REMOVE -> group.remove(request.getRemove(), request.getForce());
            case LEAD -> group.lead(request.getLead());
            case KIND_NOT_SET -> new StoreGroup.Result(false, "this agent does not know that change");
        };
        answer(result, reply);
    }
}
