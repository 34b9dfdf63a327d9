package dev.matriarch.raft;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftServer;

/** Reads a {@link RaftStatus} off a Ratis server. */
final class StatusReport {
    private StatusReport() {}

    static RaftStatus withoutGroup(PeerMarker marker, boolean stopped) {
        RaftStatus.Role role = stopped ? RaftStatus.Role.STOPPED : RaftStatus.Role.FORMING;
        return new RaftStatus(marker.peerId(), role, Optional.empty(), 0, -1, -1, Long.MAX_VALUE, List.of(), List.of());
    }

    static RaftStatus of(RaftServer.Division division, PeerMarker marker, LeaderContact contact) {
        RaftPeerId leader = division.getInfo().getLeaderId();
        return new RaftStatus(
                marker.peerId(),
                role(division, marker),
                Optional.ofNullable(leader).map(l -> PeerMarker.nameOf(l.toString())),
                division.getInfo().getCurrentTerm(),
                division.getRaftLog().getLastCommittedIndex(),
                division.getInfo().getLastAppliedIndex(),
                contact.ageMillis(division),
                peers(division),
                peers(division, GroupMembers.of(division).listeners()));
    }

    private static RaftStatus.Role role(RaftServer.Division division, PeerMarker marker) {
        return switch (division.getInfo().getCurrentRole()) {
            case LEADER -> RaftStatus.Role.LEADER;
            case CANDIDATE -> RaftStatus.Role.CANDIDATE;
            case LISTENER -> marker.settled() ? RaftStatus.Role.LISTENER : RaftStatus.Role.FORMING;
            case FOLLOWER -> marker.settled() ? RaftStatus.Role.FOLLOWER : RaftStatus.Role.FORMING;
            default -> RaftStatus.Role.STOPPED;
        };
    }

    /** The voters. */
    static List<RaftStatus.Peer> peers(RaftServer.Division division) {
        return peers(division, GroupMembers.of(division).voters());
    }

    private static List<RaftStatus.Peer> peers(RaftServer.Division division, List<RaftPeer> whose) {
        long[] matches = division.getInfo().getFollowerMatchIndices();
        // Ratis gives the match indices in the order of this list.
        List<String> others = RoleInfo.of(division).getLeaderInfo().getFollowerInfoList().stream()
                .map(f -> f.getId().getId().toStringUtf8())
                .toList();
        return whose.stream()
                .map(p -> {
                    int i = others.indexOf(p.getId().toString());
                    return new RaftStatus.Peer(
                            p.getId().toString(),
                            PeerMarker.nameOf(p.getId().toString()),
                            p.getAddress(),
                            matches == null || i < 0 || i >= matches.length
                                    ? OptionalLong.empty()
                                    : OptionalLong.of(matches[i]));
                })
                .toList();
    }
}
