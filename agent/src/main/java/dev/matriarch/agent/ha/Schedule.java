package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Versioned;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** How long a member may sleep without missing what is scheduled for it. */
final class Schedule {
    private Schedule() {}

    /** Bounds a wait by the next appointment. Paused: there are none. */
    static Decision upTo(Observation seen, Optional<ClusterView> view, Decision decision) {
        if (!(decision instanceof Decision.Wait wait) || seen.settings().paused()) {
            return decision;
        }
        Optional<FailoverRequest> change =
                seen.holdsLease() ? view.flatMap(ClusterView::pendingFailover).map(Versioned::value) : Optional.empty();
        Optional<Instant> switchover = change.flatMap(FailoverRequest::scheduledAt);
        Optional<Instant> restart = seen.situation().wishes().restart().map(ScheduledRestart::at);
        return upTo(seen, restart, upTo(seen, switchover, wait));
    }

    /** An appointment within a heartbeat ends the wait if nothing ends it earlier. */
    private static Decision.Wait upTo(Observation seen, Optional<Instant> appointment, Decision.Wait wait) {
        Duration loopWait = seen.settings().loopWait();
        if (appointment.isEmpty()
                || !(TimeWindow.of(appointment.get(), seen.wallClock(), loopWait) instanceof TimeWindow.Early(var left))
                || left.compareTo(loopWait) > 0
                || wait.atMost().isPresent() && wait.atMost().get().compareTo(left) <= 0) {
            return wait;
        }
        return Decision.soon(wait.because(), left);
    }
}
