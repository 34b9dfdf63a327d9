package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import java.time.Instant;
import java.util.Optional;

/**
 * Everything one decision depends on.
 *
 * @param now monotonic nanoseconds
 * @param wallClock for schedules only
 * @param me this member's name
 * @param tags of this member, as configured at this moment
 * @param survey present once the others were asked in this heartbeat
 * @param order what an operator wants of this member
 * @param watchdog of the kernel, the outermost ring
 */
public record Observation(
        long now,
        Instant wallClock,
        String me,
        Tags tags,
        Store store,
        Lease lease,
        LocalPostgres postgres,
        Settings settings,
        Situation situation,
        Optional<Task> task,
        Optional<Survey> survey,
        Optional<Order> order,
        Watchdog watchdog) {

    public Optional<ClusterView> view() {
        return store instanceof Store.Known(var view) ? Optional.of(view) : Optional.empty();
    }

    public boolean holdsLease() {
        return lease instanceof Lease.Held;
    }

    /** The same moment as it would be had this member no lock and no order, and had it asked the others. */
    Observation asCandidate(ClusterView leaderless, Survey asked) {
        return new Observation(
                now,
                wallClock,
                me,
                tags,
                new Store.Known(leaderless),
                new Lease.NotHeld(),
                postgres,
                settings,
                situation,
                task,
                Optional.of(asked),
                Optional.empty(),
                watchdog);
    }
}
