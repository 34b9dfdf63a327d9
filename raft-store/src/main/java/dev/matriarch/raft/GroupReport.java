package dev.matriarch.raft;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * The Raft group as each of its peers sees it, and what follows from that.
 *
 * @param groupId empty if nobody is in a group
 * @param disagreements what the peers see differently, in sentences
 * @param tolerance how many more peers may fail before the store stops
 * @param featureLevel of the store, see {@link FeatureLevel}; 1 or more
 */
public record GroupReport(
        String groupId,
        List<Row> rows,
        List<String> disagreements,
        int voters,
        int healthy,
        int tolerance,
        int featureLevel) {
    /**
     * One peer.
     *
     * @param role in its own words; {@code unreachable} if it says nothing
     * @param leader the Raft leader's name, as this peer sees it
     * @param term and the other numbers: absent if the peer did not answer
     * @param lastContactMillis since it heard the Raft leader; on the Raft leader: a majority
     * @param fsyncP50Millis what its log waits for the disk
     * @param voter false: a listener, or none of the group
     * @param listener of the group, without a vote
     * @param note why it is not healthy
     */
    public record Row(
            String peerId,
            String name,
            String address,
            String role,
            Optional<String> leader,
            OptionalLong term,
            OptionalLong commitIndex,
            OptionalLong appliedIndex,
            OptionalLong lastContactMillis,
            OptionalDouble fsyncP50Millis,
            OptionalDouble fsyncP99Millis,
            boolean voter,
            boolean listener,
            String note) {
        public boolean healthy() {
            return note.isEmpty();
        }
    }

    /** No voter is missing and all agree. */
    public boolean optimal() {
        return voters > 0 && healthy == voters && disagreements.isEmpty();
    }
}
