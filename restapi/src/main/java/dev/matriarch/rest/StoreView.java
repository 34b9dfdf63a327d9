package dev.matriarch.rest;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Measure;
import java.util.List;
import java.util.OptionalLong;

/**
 * What the HTTP door may see of a node that follows the store and has no PostgreSQL. Implementations are called by many threads at
 * once.
 */
public interface StoreView {
    String scope();

    /** Of this node, which is no member of the cluster. */
    String name();

    String version();

    /** The copy that this node has now. Waits half a second at most. */
    Copy copy();

    /** For monitoring. Returns at once. */
    List<Measure> measures();

    /** This node's copy of the store. */
    sealed interface Copy {
        /** Milliseconds since the Raft leader was heard; absent: never. */
        OptionalLong heardMillis();
    }

    /**
     * Good to answer from.
     *
     * @param paused the other two as well: of the dynamic configuration
     */
    record Fresh(
            ClusterView cluster,
            boolean paused,
            boolean standbyCluster,
            Snapshot.SynchronousMode synchronousMode,
            OptionalLong heardMillis)
            implements Copy {}

    /** @param why in a sentence */
    record Stale(String why, OptionalLong heardMillis) implements Copy {}
}
