package dev.matriarch.raft;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftServer;

/** Who leads the Raft group next when its leader goes on purpose. */
final class Heir {
    private Heir() {}

    /** @param within how long ago the Raft leader must have heard it */
    static Optional<RaftPeerId> of(RaftServer.Division division, Duration within) {
        return of(RoleInfo.silence(division), GroupMembers.of(division).voterIds(), within)
                .map(RaftPeerId::valueOf);
    }

    /**
     * The voter that was heard last; a listener cannot lead.
     *
     * @param silence milliseconds since each of the others was heard, by peer id
     */
    static Optional<String> of(Map<String, Long> silence, Set<String> voters, Duration within) {
        return silence.entrySet().stream()
                .filter(e -> voters.contains(e.getKey()) && e.getValue() < within.toMillis())
                .min(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey);
    }
}
