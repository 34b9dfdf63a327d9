package dev.matriarch.dcs;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The {@code status} key, written by the leader.
 *
 * @param optime the leader's last published position; {@link Lsn#INVALID} if unknown
 * @param slots slot name to its position on the leader
 * @param retainSlots member slots that are kept although their member is away
 * @param claim whoever writes this key hands it on; empty: nobody was promoted since claims are made
 */
public record ClusterStatus(
        Lsn optime, Map<String, Lsn> slots, List<String> retainSlots, Optional<TimelineClaim> claim) {
    public static final ClusterStatus NONE = new ClusterStatus(Lsn.INVALID, Map.of(), List.of());

    public ClusterStatus {
        slots = Map.copyOf(slots);
        retainSlots = List.copyOf(retainSlots);
    }

    public ClusterStatus(Lsn optime, Map<String, Lsn> slots, List<String> retainSlots) {
        this(optime, slots, retainSlots, Optional.empty());
    }

    public ClusterStatus withClaim(Optional<TimelineClaim> value) {
        return new ClusterStatus(optime, slots, retainSlots, value);
    }
}
