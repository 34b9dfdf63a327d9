package dev.matriarch.agent.config;

import java.time.Duration;
import java.util.Map;

/**
 * The cluster-wide configuration, as it stands in the store.
 *
 * @param parameters PostgreSQL parameters of all members
 */
public record DynamicConfig(
        Duration ttl,
        Duration loopWait,
        Duration retryTimeout,
        long maximumLagOnFailover,
        SynchronousMode synchronousMode,
        int synchronousNodeCount,
        boolean checkTimeline,
        boolean paused,
        int maxTimelinesHistory,
        Duration primaryStartTimeout,
        Duration memberSlotsTtl,
        boolean useSlots,
        boolean usePgRewind,
        Map<String, String> parameters) {

    public enum SynchronousMode {
        OFF,
        QUORUM
    }
}
