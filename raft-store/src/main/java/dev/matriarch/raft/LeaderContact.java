package dev.matriarch.raft;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.proto.RaftProtos.RoleInfoProto;
import org.apache.ratis.proto.RaftProtos.ServerRpcProto;
import org.apache.ratis.server.RaftServer;

/** How long ago this peer knew that it was in touch with the majority. */
final class LeaderContact {
    private RaftServer.Division known;
    private long lastNanos;

    /** Milliseconds; {@link Long#MAX_VALUE} if there never was contact. During an election the last contact counts. */
    synchronized long ageMillis(RaftServer.Division division) {
        long now = System.nanoTime();
        long age = currentAgeMillis(division);
        if (age != Long.MAX_VALUE) {
            known = division;
            lastNanos = now - age * 1_000_000;
            return age;
        }
        return known == division ? (now - lastNanos) / 1_000_000 : Long.MAX_VALUE;
    }

    private static long currentAgeMillis(RaftServer.Division division) {
        RoleInfoProto role = RoleInfo.of(division);
        if (role.getRole() == RaftPeerRole.LEADER) {
            // The youngest moment at which a majority, this peer among it, had answered. Listeners are none of it.
            Set<String> voters = GroupMembers.of(division).voters().stream()
                    .map(p -> p.getId().toString())
                    .collect(Collectors.toSet());
            List<Long> followers = role.getLeaderInfo().getFollowerInfoList().stream()
                    .filter(f -> voters.contains(f.getId().getId().toStringUtf8()))
                    .map(ServerRpcProto::getLastRpcElapsedTimeMs)
                    .sorted()
                    .toList();
            int needed = (followers.size() + 1) / 2;
            return needed == 0 ? 0 : followers.get(needed - 1);
        }
        if (division.getInfo().getLeaderId() == null || !role.hasFollowerInfo()) {
            return Long.MAX_VALUE;
        }
        return role.getFollowerInfo().getLeaderInfo().getLastRpcElapsedTimeMs();
    }
}
