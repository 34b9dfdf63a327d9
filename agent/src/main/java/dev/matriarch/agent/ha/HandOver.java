package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import java.time.Duration;
import java.util.Optional;

/** The lock of a leader whose server is being shut down in order to let another lead. */
final class HandOver {
    private static final Duration GRACE = Duration.ofSeconds(1);
    private static final Duration AGAIN = Duration.ofMillis(500);

    private HandOver() {}

    /**
     * A server that has written its shutdown checkpoint writes nothing more, even while its archiver keeps the
     * postmaster alive: who has that checkpoint may lead already.
     */
    static Optional<Decision> early(Observation seen, ClusterView view) {
        LocalPostgres pg = seen.postgres();
        if (!(seen.lease() instanceof Lease.Held held)
                || !seen.situation().steppingDown()
                || seen.task().isEmpty()
                || !pg.isSealed()
                || seen.now() - seen.task().get().since() < GRACE.toNanos()) {
            return Optional.empty();
        }
        Optional<dev.matriarch.dcs.Lsn> last = pg.control().map(LocalPostgres.ControlFile::checkpoint);
        return Optional.of(
                switch (FailoverPossible.of(seen, view, last)) {
                    case FailoverPossible.Answer.Ask ask ->
                        new Decision.AskPeers(ask.members(), "PostgreSQL is shut down but for its archiver");
                    case FailoverPossible.Answer.Yes yes ->
                        new Decision.ReleaseLease(
                                held.epoch(),
                                last,
                                "released the lock before PostgreSQL has ended: " + String.join(", ", yes.members())
                                        + " has its shutdown checkpoint");
                    case FailoverPossible.Answer.No no -> Decision.soon("stopping PostgreSQL", AGAIN);
                });
    }
}
