package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import java.time.Duration;
import java.util.Optional;

/** A leader whose data directory has gone away, or can no longer be read: it stops and gives the lock up. */
final class LostData {
    private LostData() {}

    static Optional<Decision> step(Observation seen, ClusterView view, Lease.Held lease) {
        LocalPostgres pg = seen.postgres();
        boolean empty = pg.dataDirectory() == LocalPostgres.DataDirectory.EMPTY;
        boolean exists = view.initialize().map(i -> !i.value().isEmpty()).orElse(false);
        if (pg.dataDirectory() == LocalPostgres.DataDirectory.VALID || empty && !exists) {
            return Optional.empty();
        }
        String sentence = "released leader key voluntarily as data dir " + (empty ? "empty" : "not accessible")
                + " and currently leader" + (pg.problem().isEmpty() ? "" : ": " + pg.problem());
        return Optional.of(
                switch (pg.process()) {
                    case STOPPED -> new Decision.ReleaseLease(lease.epoch(), Optional.empty(), sentence);
                    case STOPPING -> Decision.soon("PostgreSQL is stopping", Duration.ofMillis(200));
                    case STARTING, RUNNING ->
                        new Decision.Stop(
                                Decision.StopMode.IMMEDIATE,
                                true,
                                "stopping PostgreSQL: its data directory is " + (empty ? "empty" : "not accessible"));
                });
    }
}
