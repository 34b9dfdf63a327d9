package dev.matriarch.raft;

import java.time.Duration;
import java.util.Comparator;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftServer;

/** Who leads the Raft group next when its leader goes on purpose. */
final class Heir {
    private Heir() {}

    /**
     * The voter that the Raft leader has heard last; a listener cannot lead.
     *
     * @param within how long ago at most
     */
    static Optional<RaftPeerId> of(RaftServer.Division division, Duration within) {
        Set<RaftPeerId> voters =
                GroupMembers.of(division).voters().stream().map(RaftPeer::getId).collect(Collectors.toSet());
        return RoleInfo.of(division).getLeaderInfo().getFollowerInfoList().stream()
                .filter(f -> voters.contains(RaftPeerId.valueOf(f.getId().getId())))
                .min(Comparator.comparingLong(f -> f.getLastRpcElapsedTimeMs()))
                .filter(f -> f.getLastRpcElapsedTimeMs() < within.toMillis())
                .map(f -> RaftPeerId.valueOf(f.getId().getId()))
                .filter(id -> !id.equals(division.getId()));
    }
}
