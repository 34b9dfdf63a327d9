package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.MovedAway;
import java.time.Duration;
import java.util.Optional;

/**
 * Whose data this member has: the system identifier of its data directory against the one in the store. A data directory
 * of another cluster is never touched.
 */
final class OwnData {
    private final Observation seen;
    private final ClusterView view;
    private final String theirs;
    private final String mine;

    OwnData(Observation seen, ClusterView view) {
        this.seen = seen;
        this.view = view;
        this.theirs = view.initialize().map(i -> i.value()).orElse("");
        this.mine = seen.postgres().systemIdentifier().orElse("");
    }

    /** Decimal, of at least ten digits, as initdb makes them. */
    static boolean isValid(String identifier) {
        for (int i = 0; i < identifier.length(); i++) {
            if (identifier.charAt(i) < '0' || identifier.charAt(i) > '9') {
                return false;
            }
        }
        return identifier.length() >= 10;
    }

    /** A step that goes before everything else; empty: the data belongs here. */
    Optional<Decision> step() {
        Optional<MovedAway> away = MovedAway.of(view);
        return away.isPresent() ? moved(away.get()) : foreign().or(this::unreadable);
    }

    /**
     * The cluster goes on in another store, where somebody else may lead by now. Nothing is started here, and nothing is
     * made of this data directory; the agent stays, so that it can be told to follow. Whether a pause is on was read while
     * the cluster was still here.
     */
    private Optional<Decision> moved(MovedAway away) {
        boolean ending = seen.order().filter(Order.Shutdown.class::isInstance).isPresent();
        if (seen.task().isPresent() || ending) {
            return Optional.empty();
        }
        String sentence = "this cluster has moved to the store " + away.to() + ": nobody leads by this one."
                + " If no move is under way, let this member follow: matriarchctl -c FILE migrate --to "
                + away.to()
                + ", with this agent's own FILE";
        if (seen.postgres().isPrimary() && !seen.settings().paused()) {
            return Optional.of(
                    new Decision.Stop(Decision.StopMode.IMMEDIATE, false, "demoting self because " + sentence));
        }
        return Optional.of(
                seen.lease() instanceof Lease.Held held
                        ? new Decision.ReleaseLease(
                                held.epoch(), seen.postgres().status().map(LocalPostgres.Status::position), sentence)
                        : Decision.idle(sentence));
    }

    private Optional<Decision> foreign() {
        if (theirs.equals(mine)
                || !isValid(theirs)
                || !isValid(mine)
                || seen.task().isPresent()
                || seen.settings().paused() && seen.order().isPresent()) {
            return Optional.empty();
        }
        String sentence =
                "system ID mismatch, node " + seen.me() + " belongs to a different cluster: " + theirs + " != " + mine;
        if (!seen.settings().paused()) {
            return Optional.of(new Decision.Exit(
                    1,
                    sentence + ". Nothing was changed. Point postgresql.data_dir at an empty directory to clone, or"
                            + " move this one away"));
        }
        return Optional.of(
                seen.lease() instanceof Lease.Held held
                        ? new Decision.ReleaseLease(held.epoch(), Optional.empty(), "released the lock: " + sentence)
                        : Decision.idle(sentence));
    }

    private Optional<Decision> unreadable() {
        LocalPostgres pg = seen.postgres();
        boolean strange = pg.dataDirectory() == LocalPostgres.DataDirectory.VALID
                && pg.process() == LocalPostgres.Process.STOPPED
                && !isValid(mine)
                && !seen.holdsLease()
                && seen.task().isEmpty()
                && seen.order().isEmpty();
        if (!strange) {
            return Optional.empty();
        }
        String sentence =
                "data dir for the cluster is not empty, but system ID is invalid; consider doing reinitialize";
        return Optional.of(Decision.soon(sentence, Duration.ofSeconds(1)));
    }

    /**
     * Nobody leads and the store does not know the cluster, but this member has data: it is claimed before a race, so
     * that no other data can become the cluster's. A primary takes the lock first and writes the key as its holder.
     */
    Optional<Decision> claim() {
        LocalPostgres pg = seen.postgres();
        boolean fresh = seen.situation().following().isEmpty();
        if (isValid(theirs)
                || !isValid(mine)
                || seen.settings().paused()
                || pg.dataDirectory() != LocalPostgres.DataDirectory.VALID) {
            return Optional.empty();
        }
        boolean bootstrapping = view.initialize().isPresent();
        if (pg.isReplica() && fresh && !bootstrapping) {
            return Optional.of(new Decision.Exit(
                    1,
                    "No initialize key in DCS and PostgreSQL is running as replica, aborting start. PostgreSQL was left"
                            + " as it is. Start the agent of the member that runs as primary first"));
        }
        return pg.process() == LocalPostgres.Process.STOPPED && !bootstrapping
                ? Optional.of(new Decision.WriteInitialize(
                        mine, Expected.absent(), "the store knows no cluster yet: this data is " + mine))
                : Optional.empty();
    }
}
