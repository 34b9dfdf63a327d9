package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** What the leader publishes of its server in the {@code status} key: with each renewal, and when it gives the lock back. */
public final class LeaderStatus {
    private LeaderStatus() {}

    /**
     * Its position, how far the reader of each slot has come, and which slots of members are kept, although a member may be away.
     *
     * @return empty unless the server runs as a primary, or leads a standby cluster: then what is published stays
     */
    public static Optional<ClusterStatus> of(Observation seen) {
        return seen.postgres()
                .status()
                .filter(s -> !s.inRecovery()
                        || seen.settings().standbyCluster().isPresent()
                                && !s.position().equals(Lsn.INVALID))
                .map(s -> new ClusterStatus(
                        s.position(),
                        slots(s),
                        SlotPolicy.retained(seen),
                        NewTimeline.handedOn(seen.view(), s.timeline())));
    }

    /** With the last position of a primary that has stopped; its slots stay as they were published. */
    public static ClusterStatus last(Lsn position, Optional<ClusterView> view) {
        ClusterStatus published = view.map(ClusterView::status).orElse(ClusterStatus.NONE);
        return new ClusterStatus(position, published.slots(), published.retainSlots(), published.claim());
    }

    /** A slot that nobody has read from yet holds no position. */
    private static Map<String, Lsn> slots(LocalPostgres.Status status) {
        Map<String, Lsn> slots = new TreeMap<>();
        status.slots().stream()
                .filter(s -> !s.reached().equals(Lsn.INVALID))
                .forEach(s -> slots.put(s.name(), s.reached()));
        return slots;
    }
}
