package dev.matriarch.dcs.keyed;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * A store in which each part of the cluster's state is a key of its own, as Patroni has them: what does not depend on how such a
 * store locks, conditions and watches.
 */
public abstract class KeyedDcs implements Dcs {
    private final List<Consumer<Change>> listeners = new CopyOnWriteArrayList<>();

    /** Writes a key of the cluster that every member may write. */
    protected abstract WriteResult write(String key, String value, Expected expected, Duration timeout)
            throws DcsException;

    /** The value of a key as the last read has shown it; empty also before the first. Returns at once. */
    protected abstract Optional<String> shown(String key);

    /** Passes a change on to those who listen; any thread. */
    protected final void tell(Change change) {
        listeners.forEach(listener -> listener.accept(change));
    }

    @Override
    public final void onChange(Consumer<Change> listener) {
        listeners.add(listener);
    }

    @Override
    public final WriteResult writeInitialize(String systemIdentifier, Expected expected, Duration timeout)
            throws DcsException {
        return write(ClusterKeys.INITIALIZE, systemIdentifier, expected, timeout);
    }

    @Override
    public final WriteResult writeConfig(String json, Expected expected, Duration timeout) throws DcsException {
        return write(ClusterKeys.CONFIG, json, expected, timeout);
    }

    @Override
    public final WriteResult writeFailover(Optional<FailoverRequest> request, Expected expected, Duration timeout)
            throws DcsException {
        // Cleared by an empty object, as Patroni does: the key stays.
        return write(ClusterKeys.FAILOVER, ClusterJson.writeFailover(request), expected, timeout);
    }

    @Override
    public final void writeHistory(TimelineHistory history, Duration timeout) throws DcsException {
        String json = ClusterJson.writeHistory(history);
        if (!shown(ClusterKeys.HISTORY).equals(Optional.of(json))) {
            write(ClusterKeys.HISTORY, json, Expected.anything(), timeout);
        }
    }

    /**
     * Why the cluster's keys are not removed.
     *
     * @param ends what has to end before they can be: the holder's lease, or its session
     */
    protected static DcsException isHeld(String ends) {
        return new DcsException("Somebody holds the leader lock; nothing was removed. Its server may take writes until"
                + " its " + ends + " ends: stop it, and try again.");
    }
}
