package dev.matriarch.raft;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * A peer's own view of the Raft group.
 *
 * @param peerId this peer
 * @param leader the Raft leader's name, if one is known; it need not be the PostgreSQL leader
 * @param lastContactMillis time since the Raft leader was heard; on the Raft leader: since a majority was heard;
 *     {@link Long#MAX_VALUE} if never
 * @param peers the voters
 * @param listeners those without a vote
 */
public record RaftStatus(
        String peerId,
        Role role,
        Optional<String> leader,
        long term,
        long commitIndex,
        long appliedIndex,
        long lastContactMillis,
        List<Peer> peers,
        List<Peer> listeners) {
    /** With a vote and without. */
    public List<Peer> everybody() {
        return Stream.concat(peers.stream(), listeners.stream()).toList();
    }

    /** How a peer of a group is, in a sentence; {@code ok} first if it has been in touch with the majority within {@code limit}. */
    String health(Duration limit) {
        if (leader.isEmpty()) {
            return "no Raft leader is known: fewer than a majority of " + peers.size()
                    + " peers can be reached, or an election is going on";
        }
        if (lastContactMillis > limit.toMillis()) {
            return "no contact with the majority for " + lastContactMillis + " ms";
        }
        return "ok: " + role.name().toLowerCase(Locale.ROOT) + " of " + leader.get() + ", " + peers.size()
                + " peers, heard " + lastContactMillis + " ms ago";
    }

    /** What this peer is doing. */
    public enum Role {
        LEADER,
        FOLLOWER,
        CANDIDATE,
        /** Follows the log without a vote. */
        LISTENER,
        /** Waiting for the others to form or join the group. */
        FORMING,
        /** Not running; {@code health} says why. */
        STOPPED
    }

    /**
     * One peer.
     *
     * @param name as configured on that peer
     * @param address {@code host:port}
     * @param matchIndex how far its log is known to reach; only on the Raft leader, and only for the others
     */
    public record Peer(String peerId, String name, String address, OptionalLong matchIndex) {}
}
