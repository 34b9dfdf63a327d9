package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.SlotBudget;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.agent.ha.SlotMemory;
import dev.matriarch.dcs.ClusterView;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** Remembers replication slots between heartbeats. Not for several threads at once. */
final class SlotWatch {
    private static final long RETRY = 5_000_000_000L;
    private static final long COPY_AGAIN = 30_000_000_000L;

    private final Map<String, Long> retained = new HashMap<>();
    private final Map<String, Long> idleSince = new HashMap<>();
    private final Map<String, Long> expired = new HashMap<>();
    private OptionalLong watchingSince = OptionalLong.empty();
    private OptionalLong retryAt = OptionalLong.empty();
    private final Set<String> proven = new HashSet<>();
    private OptionalLong copyAt = OptionalLong.empty();
    private SlotMemory last = SlotMemory.NONE;

    /**
     * @param leading this agent writes the list itself: what it reads there is no news
     * @param kept how long the slot of a member that left is kept
     */
    void seen(ClusterView view, Optional<LocalPostgres.Status> status, boolean leading, long now, Duration kept) {
        if (watchingSince.isEmpty()) {
            watchingSince = OptionalLong.of(now);
        }
        if (!leading) {
            view.status().retainSlots().forEach(name -> retained.put(name, now));
        }
        retained.values().removeIf(at -> now - at > kept.toNanos());
        if (status.isPresent()) {
            if (!status.get().inRecovery()) {
                // What it holds when it is a standby again is proved anew.
                proven.clear();
            }
            Set<String> idle = SlotBudget.idle(view, status.get());
            idleSince.keySet().retainAll(idle);
            idle.forEach(name -> idleSince.putIfAbsent(name, now));
            for (LocalPostgres.Slot slot : status.get().slots()) {
                expired.remove(slot.name());
            }
        }
        remember();
    }

    void changed(Collection<SlotChange> changes, Set<String> failed, long now) {
        for (SlotChange change : changes) {
            if (change instanceof SlotChange.Expire && !failed.contains(change.name())) {
                expired.put(change.name(), now);
            }
        }
        retryAt = failed.isEmpty() ? OptionalLong.empty() : OptionalLong.of(now + RETRY);
        remember();
    }

    void proven(String slot) {
        proven.add(slot);
        remember();
    }

    /** The copies that were made are to be proved; those that were not are tried again later. */
    void copied(Set<String> slots, boolean all, long now) {
        proven.removeAll(slots);
        copyAt = all ? OptionalLong.empty() : OptionalLong.of(now + COPY_AGAIN);
        remember();
    }

    private void remember() {
        boolean same = last.retained().equals(retained.keySet())
                && last.idleSince().equals(idleSince)
                && last.expired().equals(expired)
                && last.watchingSince().equals(watchingSince)
                && last.retryAt().equals(retryAt)
                && last.proven().equals(proven)
                && last.copyAt().equals(copyAt);
        if (!same) {
            last = new SlotMemory(retained.keySet(), idleSince, expired, watchingSince, retryAt, proven, copyAt);
        }
    }

    SlotMemory memory() {
        return last;
    }
}
