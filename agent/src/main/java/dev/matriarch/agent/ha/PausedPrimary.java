package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Versioned;
import java.util.Optional;

/** A primary that somebody runs in a paused cluster. */
final class PausedPrimary {
    static final String WITHOUT_LOCK = "continue to run as primary without lock";

    private PausedPrimary() {}

    /**
     * Nobody holds the lock: the primary takes it, if its data is the cluster's, or if the operator made the cluster forget
     * whose data it has. A primary of a timeline that was left behind does not: it would lead a cluster that has moved on.
     */
    static Decision withFreeLock(Observation seen, ClusterView view, LocalPostgres.Status status) {
        Optional<Versioned<FailoverRequest>> key =
                view.pendingFailover().filter(f -> f.value().scheduledAt().isEmpty());
        Optional<String> candidate = key.flatMap(f -> f.value().candidate());
        if (key.isPresent() && !seen.tags().nofailover() && !candidate.equals(Optional.of(seen.me()))) {
            boolean gone = candidate.isPresent() && view.member(candidate.get()).isEmpty();
            return gone
                    ? new Decision.WriteFailover(
                            Optional.empty(),
                            key.get().revision(),
                            "manual failover: removing failover key because failover candidate is not running")
                    : Decision.idle(WITHOUT_LOCK);
        }
        boolean known = view.initialize().map(i -> OwnData.isValid(i.value())).orElse(false);
        // A claim may be all that is known of a promotion.
        int timeline = Math.max(
                view.history().map(h -> h.currentTimeline()).orElse(0),
                view.status().claim().map(c -> c.timeline()).orElse(0));
        return known && status.timeline() < timeline
                ? Decision.idle(WITHOUT_LOCK)
                : new Decision.AcquireLease("acquired session lock as a leader");
    }
}
