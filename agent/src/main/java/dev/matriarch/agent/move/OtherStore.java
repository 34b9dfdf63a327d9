package dev.matriarch.agent.move;

import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.MovedAway;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.dcs.WriteResult;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/** A store of others that this member does not use yet, and that its cluster is to move to. Blocks, for as long as it says. */
final class OtherStore {
    /** Of each call. */
    static final Duration CALL = Duration.ofSeconds(3);
    /** The lock is held for a moment only, while the keys of earlier leaders are removed. */
    private static final Duration TTL = Duration.ofSeconds(20);

    private final Dcs store;

    OtherStore(Dcs store) {
        this.store = store;
    }

    /** Why this cluster cannot move there; empty: it can. @param system identifier of this cluster */
    Optional<String> objection(String system) {
        try {
            return objection(store.read(CALL), system);
        } catch (DcsException e) {
            return Optional.of("cannot be read from here: " + e.getMessage());
        }
    }

    static Optional<String> objection(ClusterView view, String system) {
        Optional<String> there = view.initialize().map(Versioned::value);
        if (view.leader().isPresent()) {
            return Optional.of(
                    "holds a cluster of this name that " + view.leader().get().name() + " leads");
        }
        if (there.isPresent()
                && !there.get().equals(system)
                && MovedAway.of(there.get()).isEmpty()) {
            return Optional.of("holds the keys of another cluster of this name (initialize: \"" + there.get()
                    + "\"): remove them, or use another namespace");
        }
        return Optional.empty();
    }

    /**
     * Writes the keys that belong to the cluster, so that nobody finds the store empty when the members come, and closes it
     * until they have: whoever comes before does nothing there. What earlier leaders left there is removed before.
     *
     * @param leader whose PostgreSQL is the primary
     * @param closed says where the cluster still is
     * @param config in which the pause is on
     * @throws DcsException if it is not certain that all of it stands there
     */
    void prepare(String leader, String system, MovedAway closed, String config, Optional<TimelineHistory> history)
            throws DcsException {
        if (!DynamicConfigJson.parse(config).paused()) {
            throw new DcsException("the configuration of the cluster is not paused");
        }
        ClusterView view = store.read(CALL);
        Optional<String> objection = objection(view, system);
        if (objection.isPresent()) {
            throw new DcsException("that store " + objection.get());
        }
        // Closed first: a store of an earlier time may have its pause ended by somebody at any moment.
        written(store.writeInitialize(closed.text(), expected(view.initialize()), CALL), "initialize");
        written(store.writeConfig(config, expected(view.config()), CALL), "config");
        if (history.isPresent() || view.history().isPresent()) {
            store.writeHistory(history.orElse(TimelineHistory.EMPTY), CALL);
        }
        if (view.pendingFailover().isPresent()) {
            written(store.writeFailover(Optional.empty(), expected(view.failover()), CALL), "failover");
        }
        if (view.sync().isPresent() || !view.failsafe().isEmpty()) {
            forget(leader, view);
        }
    }

    private void forget(String leader, ClusterView view) throws DcsException {
        // Of the time before the cluster left: commits may have waited for others since.
        if (!(store.acquireLeader(leader, TTL, store.read(CALL).revision(), CALL)
                instanceof LeaseResult.Held(long epoch))) {
            throw new DcsException("somebody leads by that store");
        }
        try {
            if (view.sync().isPresent()) {
                written(
                        store.writeSync(
                                leader,
                                epoch,
                                Optional.empty(),
                                expected(store.read(CALL).sync()),
                                CALL),
                        "sync");
            }
            if (!view.failsafe().isEmpty()) {
                written(store.writeFailsafe(leader, epoch, Map.of(), CALL), "failsafe");
            }
        } finally {
            store.releaseLeader(leader, epoch, Optional.empty(), CALL);
        }
    }

    private static Expected expected(Optional<? extends Versioned<?>> key) {
        return key.isPresent() ? Expected.revision(key.get().revision()) : Expected.absent();
    }

    private static void written(WriteResult result, String key) throws DcsException {
        if (!(result instanceof WriteResult.Written)) {
            throw new DcsException("somebody else writes the key " + key + " there");
        }
    }
}
