package dev.matriarch.raft;

import dev.matriarch.dcs.Change;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Who is told when the store changes, on the thread that brings the news. One that fails does not keep it from the others. */
final class ChangeListeners {
    private static final Logger LOG = LoggerFactory.getLogger(ChangeListeners.class);

    private final List<Consumer<Change>> listeners = new CopyOnWriteArrayList<>();

    void add(Consumer<Change> listener) {
        listeners.add(listener);
    }

    void changed(Set<Change> changes) {
        for (Consumer<Change> listener : listeners) {
            for (Change change : changes) {
                try {
                    listener.accept(change);
                } catch (RuntimeException e) {
                    LOG.warn("A listener of the store failed at {}", change, e);
                }
            }
        }
    }
}
