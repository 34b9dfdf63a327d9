package dev.matriarch.raft;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.proto.RaftProtos.RoleInfoProto;
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
            return majorityMillis(
                    RoleInfo.silence(role), GroupMembers.of(division).voterIds());
        }
        if (division.getInfo().getLeaderId() == null || !role.hasFollowerInfo()) {
            return Long.MAX_VALUE;
        }
        return role.getFollowerInfo().getLeaderInfo().getLastRpcElapsedTimeMs();
    }

    /**
     * How long ago a majority of the voters, the Raft leader among it, had answered last. Listeners are none of it.
     *
     * @param silence milliseconds since each of the others was heard, by peer id
     */
    static long majorityMillis(Map<String, Long> silence, Set<String> voters) {
        List<Long> others = silence.entrySet().stream()
                .filter(e -> voters.contains(e.getKey()))
                .map(Map.Entry::getValue)
                .sorted()
                .toList();
        int needed = (others.size() + 1) / 2;
        return needed == 0 ? 0 : others.get(needed - 1);
    }
}
