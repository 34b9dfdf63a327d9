package dev.matriarch.raft.state;

import dev.matriarch.raft.state.StoreState.Lease;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * When this replica saw each lease renewed, and so which of them are over. It is told the time (monotonic nanoseconds)
 * and never asks for it. Not safe for several threads.
 */
public final class LeaseClock {
    private record Seen(Lease lease, long atNanos) {
        long deadline() {
            return atNanos + lease.ttlMillis() * 1_000_000L;
        }
    }

    private final Map<String, Seen> seen = new HashMap<>();

    /** The lease was granted or renewed by a command applied at {@code nowNanos}. */
    public void renewed(Lease lease, long nowNanos) {
        seen.put(lease.name(), new Seen(lease, nowNanos));
    }

    public void ended(String name) {
        seen.remove(name);
    }

    /** The state was loaded as a whole: nothing is known of earlier renewals, so all count from now. */
    public void restart(Collection<Lease> leases, long nowNanos) {
        seen.clear();
        leases.forEach(lease -> renewed(lease, nowNanos));
    }

    /** Leases whose time to live has passed, each as it was at its last renewal. */
    public List<Lease> due(long nowNanos) {
        List<Lease> due = new ArrayList<>();
        for (Seen s : seen.values()) {
            if (s.deadline() - nowNanos <= 0) {
                due.add(s.lease());
            }
        }
        return due;
    }

    /** Nanoseconds until the next lease is due, 0 if one is; empty without leases. */
    public OptionalLong untilNext(long nowNanos) {
        if (seen.isEmpty()) {
            return OptionalLong.empty();
        }
        long least = Long.MAX_VALUE;
        for (Seen s : seen.values()) {
            least = Math.min(least, Math.max(0, s.deadline() - nowNanos));
        }
        return OptionalLong.of(least);
    }
}
