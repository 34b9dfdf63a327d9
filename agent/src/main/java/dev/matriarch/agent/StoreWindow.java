package dev.matriarch.agent;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.loop.Version;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Measure;
import dev.matriarch.raft.RaftStore;
import dev.matriarch.rest.Snapshot.SynchronousMode;
import dev.matriarch.rest.StoreView;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;

/** A listener's copy of the store, as its HTTP door sees it. Any thread. */
final class StoreWindow implements StoreView {
    private static final Duration PATIENCE = Duration.ofMillis(500);

    private final String scope;
    private final String name;
    private final RaftStore store;

    StoreWindow(String scope, String name, RaftStore store) {
        this.scope = scope;
        this.name = name;
        this.store = store;
    }

    @Override
    public String scope() {
        return scope;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String version() {
        return Version.TEXT;
    }

    @Override
    public Copy copy() {
        try {
            ClusterView cluster = store.dcs().read(PATIENCE);
            DynamicConfig config =
                    DynamicConfigJson.parse(cluster.config().map(c -> c.value()).orElse("{}"));
            return new Fresh(
                    cluster,
                    config.paused(),
                    config.standbyCluster().isPresent(),
                    switch (config.synchronousMode()) {
                        case OFF -> SynchronousMode.OFF;
                        case ON -> SynchronousMode.ON;
                        case QUORUM -> SynchronousMode.QUORUM;
                    },
                    heard());
        } catch (DcsException e) {
            return new Stale(String.valueOf(e.getMessage()), heard());
        }
    }

    private OptionalLong heard() {
        long millis = store.status().lastContactMillis();
        return millis == Long.MAX_VALUE ? OptionalLong.empty() : OptionalLong.of(millis);
    }

    @Override
    public List<Measure> measures() {
        return store.dcs().measures();
    }
}
