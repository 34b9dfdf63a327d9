package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.PeerSight;
import dev.matriarch.proto.store.v1.ViewReply;
import java.util.Locale;
import java.util.Optional;
import org.apache.ratis.proto.RaftProtos.ServerRpcProto;
import org.apache.ratis.server.RaftServer;

/** What this peer sees of the group, for another peer or a person. */
final class Sight {
    private static final double NANOS_PER_MILLI = 1e6;

    private Sight() {}

    static ViewReply of(
            String scope,
            PeerMarker marker,
            RaftStatus status,
            Optional<Proposals.Replica> replica,
            String problem,
            FeatureLevel level) {
        ViewReply.Builder reply = ViewReply.newBuilder()
                .setScope(scope)
                .setMe(marker.identity())
                .setRole(status.role().name().toLowerCase(Locale.ROOT))
                .setTerm(status.term())
                .setCommitIndex(status.commitIndex())
                .setAppliedIndex(status.appliedIndex())
                .setFeatureLevel(level.known())
                .setProblem(problem);
        if (marker.settled()) {
            marker.groupId().ifPresent(g -> reply.setGroupId(g.toString()));
        }
        if (status.lastContactMillis() != Long.MAX_VALUE) {
            reply.setLastContactMillis(status.lastContactMillis());
        }
        if (replica.isEmpty()) {
            return reply.build();
        }
        RaftServer.Division division = replica.get().division();
        if (division.getInfo().getLeaderId() != null) {
            reply.setLeaderId(division.getInfo().getLeaderId().toString());
        }
        reply.setStoresFeatureLevel(replica.get().stateMachine().state().featureLevel());
        reply.setPeersCommitted(division.getRaftConf().getLogEntryIndex()
                <= division.getRaftLog().getLastCommittedIndex());
        var followers = RoleInfo.of(division).getLeaderInfo().getFollowerInfoList();
        for (RaftStatus.Peer peer : status.everybody()) {
            PeerSight.Builder one = PeerSight.newBuilder()
                    .setPeer(PeerIdentity.newBuilder()
                            .setPeerId(peer.peerId())
                            .setName(peer.name())
                            .setAddress(peer.address())
                            .setListener(status.listeners().contains(peer)));
            peer.matchIndex().ifPresent(one::setMatchIndex);
            followers.stream()
                    .filter(f -> f.getId().getId().toStringUtf8().equals(peer.peerId()))
                    .mapToLong(ServerRpcProto::getLastRpcElapsedTimeMs)
                    .findFirst()
                    .ifPresent(one::setLastContactMillis);
            reply.addPeers(one);
        }
        RatisMeters.ofLog(division.getMemberId(), RatisMeters.FSYNC).ifPresent(times -> {
            times.quantile(0.5).ifPresent(nanos -> reply.setFsyncP50Millis(nanos / NANOS_PER_MILLI));
            times.quantile(0.99).ifPresent(nanos -> reply.setFsyncP99Millis(nanos / NANOS_PER_MILLI));
        });
        return reply.build();
    }
}
