package dev.matriarch.raft;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.raft.state.StoreState;
import dev.matriarch.raft.state.StoreState.Entry;
import dev.matriarch.raft.state.StoreState.Lease;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * The store's states as views of a cluster. Each value is read once: a heartbeat of one member changes two of a cluster's
 * keys, and everybody else looks at all of them. Safe for several threads.
 */
public final class ClusterViews {
    private record Understood(Entry entry, Optional<?> value) {}

    private final Map<String, Understood> known = new HashMap<>();
    private StoreState last = StoreState.EMPTY;
    private ClusterView view = ClusterView.empty();

    /** Renewals change the state but nothing that is seen: they give the same view again. */
    public synchronized ClusterView of(StoreState state) {
        if (last.entries() != state.entries() || last.revision() != state.revision()) {
            long epoch =
                    state.lease(ClusterCommands.LEADER_LEASE).map(Lease::epoch).orElse(0L);
            view = ClusterKeys.view(state.revision(), state.entries().keySet(), new Values(state), epoch);
            last = state;
            if (known.size() > state.entries().size()) {
                known.keySet().retainAll(state.entries().keySet());
            }
        }
        return view;
    }

    private final class Values implements ClusterKeys.Values {
        private final StoreState state;

        Values(StoreState state) {
            this.state = state;
        }

        @Override
        @SuppressWarnings("unchecked")
        public <T> Optional<T> value(String key, Function<ClusterKeys.Stored, T> reader) {
            Entry entry = state.entries().get(key);
            if (entry == null) {
                return Optional.empty();
            }
            // A write makes a new entry: the same object is the same value of the same revision.
            Understood understood = known.get(key);
            if (understood == null || understood.entry() != entry) {
                ClusterKeys.Stored stored = new ClusterKeys.Stored(entry.value().toStringUtf8(), entry.modRevision());
                understood = new Understood(entry, Optional.of(reader.apply(stored)));
                known.put(key, understood);
            }
            // Each key has one reader.
            return (Optional<T>) understood.value();
        }
    }
}
