package dev.matriarch.raft;

import java.util.Map;
import java.util.stream.Collectors;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.proto.RaftProtos.RoleInfoProto;
import org.apache.ratis.server.RaftServer;

/** What Ratis says of a peer's role. */
final class RoleInfo {
    /** Knows of no leader and of no followers. */
    private static final RoleInfoProto BETWEEN =
            RoleInfoProto.newBuilder().setRole(RaftPeerRole.FOLLOWER).build();

    private RoleInfo() {}

    /**
     * A Raft leader that has just heard of a later term is none any more; until it has given the role up, Ratis cannot describe it
     * and fails ("currentTerm: expected == … but computed == …").
     */
    static RoleInfoProto of(RaftServer.Division division) {
        try {
            return division.getInfo().getRoleInfoProto();
        } catch (IllegalStateException e) {
            return BETWEEN;
        }
    }

    /** Milliseconds since the Raft leader heard each of the others, listeners among them, by peer id; on another peer nothing. */
    static Map<String, Long> silence(RoleInfoProto role) {
        return role.getLeaderInfo().getFollowerInfoList().stream()
                .collect(Collectors.toMap(
                        f -> f.getId().getId().toStringUtf8(), f -> f.getLastRpcElapsedTimeMs(), Math::min));
    }

    static Map<String, Long> silence(RaftServer.Division division) {
        return silence(of(division));
    }
}
