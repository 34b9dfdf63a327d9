package dev.matriarch.raft;

import dev.matriarch.proto.store.v1.PeerIdentity;
import dev.matriarch.proto.store.v1.PeerSight;
import dev.matriarch.proto.store.v1.ViewReply;
import java.util.Locale;
import java.util.Optional;
import org.apache.ratis.metrics.MetricRegistries;
import org.apache.ratis.metrics.MetricRegistryInfo;
import org.apache.ratis.metrics.impl.DefaultTimekeeperImpl;
import org.apache.ratis.proto.RaftProtos.ServerRpcProto;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.thirdparty.com.codahale.metrics.Snapshot;
import org.apache.ratis.thirdparty.com.codahale.metrics.Timer;

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
        fsync(division)
                .ifPresent(times -> reply.setFsyncP50Millis(times.getMedian() / NANOS_PER_MILLI)
                        .setFsyncP99Millis(times.get99thPercentile() / NANOS_PER_MILLI));
        return reply.build();
    }

    /** How long Ratis' log waited for the disk; recent times weigh more. */
    private static Optional<Snapshot> fsync(RaftServer.Division division) {
        String prefix = division.getMemberId().toString();
        for (MetricRegistryInfo info : MetricRegistries.global().getMetricRegistryInfos()) {
            if (info.getPrefix().equals(prefix)
                    && info.getMetricsComponentName().equals("log_worker")) {
                return MetricRegistries.global()
                        .get(info)
                        .map(registry -> registry.timer("flushTime"))
                        .filter(DefaultTimekeeperImpl.class::isInstance)
                        .map(timekeeper -> ((DefaultTimekeeperImpl) timekeeper).getTimer())
                        .filter(timer -> timer.getCount() > 0)
                        .map(Timer::getSnapshot);
            }
        }
        return Optional.empty();
    }
}
