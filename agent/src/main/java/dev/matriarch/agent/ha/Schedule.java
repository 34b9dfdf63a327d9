package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Versioned;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.stream.Stream;

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
        Optional<Duration> next = Stream.of(switchover, restart)
                .flatMap(Optional::stream)
                .map(at -> TimeWindow.of(at, seen.wallClock(), seen.settings().loopWait()))
                .filter(TimeWindow.Early.class::isInstance)
                .map(w -> ((TimeWindow.Early) w).left())
                .filter(left -> left.compareTo(seen.settings().loopWait()) <= 0)
                .min(Duration::compareTo);
        if (next.isEmpty()) {
            return wait;
        }
        Duration atMost = wait.atMost().filter(d -> d.compareTo(next.get()) < 0).orElse(next.get());
        return Decision.soon(wait.because(), atMost);
    }
}
