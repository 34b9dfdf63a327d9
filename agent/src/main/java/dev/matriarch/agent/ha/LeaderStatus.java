package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SlotName;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/** What the leader publishes of its server in the {@code status} key: with each renewal, and when it gives the lock back. */
public final class LeaderStatus {
    private LeaderStatus() {}

    /**
     * Its position, how far the reader of each physical slot has come, and whose slots are kept although the member is away.
     *
     * @return empty unless the server runs as a primary: then what is published stays
     */
    public static Optional<ClusterStatus> of(Observation seen) {
        return seen.postgres()
                .status()
                .filter(s -> !s.inRecovery())
                .map(s -> new ClusterStatus(
                        s.position(), slots(s), retained(seen), NewTimeline.handedOn(seen.view(), s.timeline())));
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
                .filter(s -> !s.restart().equals(Lsn.INVALID))
                .forEach(s -> slots.put(s.name(), s.restart()));
        return slots;
    }

    private static List<String> retained(Observation seen) {
        TreeSet<String> away = new TreeSet<>();
        if (seen.settings().useSlots()) {
            seen.situation().recentMembers().forEach(name -> away.add(SlotName.of(name)));
            seen.view().ifPresent(view -> view.members().forEach(m -> away.remove(SlotName.of(m.name()))));
            away.remove(SlotName.of(seen.me()));
        }
        return List.copyOf(away);
    }
}
