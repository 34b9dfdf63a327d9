package dev.matriarch.agent.ha;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * A restart of this member's server at a time that an operator chose. It is kept in the agent's memory only: it is meant
 * for the server that runs now, and is void once that server was restarted for another reason.
 *
 * @param postmasterStartTime of the server it was made for, as PostgreSQL prints it
 * @param timeout how long the start may take; empty: {@code primary_start_timeout}
 */
public record ScheduledRestart(
        Instant at, RestartFilter filter, Optional<Duration> timeout, String postmasterStartTime) {

    /** What its time has come to ask for; empty: nothing yet, or the cluster is paused. */
    static Optional<Decision> step(Observation seen) {
        Optional<ScheduledRestart> scheduled = seen.situation().wishes().restart();
        Optional<LocalPostgres.Status> status = seen.postgres().status();
        if (scheduled.isEmpty() || status.isEmpty()) {
            return Optional.empty();
        }
        ScheduledRestart wish = scheduled.get();
        if (!wish.postmasterStartTime().equals(status.get().postmasterStartTime())) {
            return Optional.of(new Decision.DropScheduledRestart(
                    "Cancelling the scheduled restart: postgres restart has already happened"));
        }
        if (seen.settings().paused()) {
            return Optional.empty();
        }
        return switch (TimeWindow.of(
                wish.at(), seen.wallClock(), seen.settings().loopWait())) {
            case TimeWindow.Early early -> Optional.empty();
            case TimeWindow.Stale stale ->
                Optional.of(
                        new Decision.DropScheduledRestart("Found a stale restart value, cleaning up: " + wish.at()));
            case TimeWindow.Due due ->
                wish.filter()
                        .objection(seen.postgres(), seen.holdsLease())
                        .<Decision>map(why ->
                                new Decision.DropScheduledRestart("The scheduled restart is not carried out: " + why))
                        .or(() -> OperatorOrders.restart(seen, wish.timeout(), "Scheduled restart: its time has come"));
        };
    }
}
