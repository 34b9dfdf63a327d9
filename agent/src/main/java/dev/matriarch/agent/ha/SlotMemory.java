package dev.matriarch.agent.ha;

import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

/**
 * What the agent remembers of replication slots. Times are monotonic nanoseconds.
 *
 * @param retained slots that the leader named in the {@code status} key within {@code member_slots_ttl}
 * @param idleSince by slot: since when the member that it is for has not streamed from anybody
 * @param expired by slot: when it was dropped because it had cost too much
 * @param watchingSince since when the store has been read; empty: not yet
 * @param retryAt earliest moment for another attempt after one that failed
 * @param proven copies of logical slots of which it is known that they can be used here
 * @param copyAt earliest moment for another attempt to copy logical slots
 */
public record SlotMemory(
        Set<String> retained,
        Map<String, Long> idleSince,
        Map<String, Long> expired,
        OptionalLong watchingSince,
        OptionalLong retryAt,
        Set<String> proven,
        OptionalLong copyAt) {
    public static final SlotMemory NONE =
            new SlotMemory(Set.of(), Map.of(), Map.of(), OptionalLong.empty(), OptionalLong.empty());

    public SlotMemory {
        retained = Set.copyOf(retained);
        idleSince = Map.copyOf(idleSince);
        expired = Map.copyOf(expired);
        proven = Set.copyOf(proven);
    }

    /** Without logical slots. */
    public SlotMemory(
            Set<String> retained,
            Map<String, Long> idleSince,
            Map<String, Long> expired,
            OptionalLong watchingSince,
            OptionalLong retryAt) {
        this(retained, idleSince, expired, watchingSince, retryAt, Set.of(), OptionalLong.empty());
    }
}
