package dev.matriarch.agent.config;

import dev.matriarch.agent.ha.SlotRules;
import dev.matriarch.agent.ha.StandbyCluster;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * The cluster-wide configuration, as it stands in the store.
 *
 * @param maximumLagOnSyncnode bytes; 0 or less: no limit
 * @param primaryStopTimeout where commits wait for standbys, an orderly stop is cut short after this; 0: never
 * @param parameters PostgreSQL parameters of all members
 */
public record DynamicConfig(
        Duration ttl,
        Duration loopWait,
        Duration retryTimeout,
        long maximumLagOnFailover,
        SynchronousMode synchronousMode,
        boolean synchronousModeStrict,
        int synchronousNodeCount,
        long maximumLagOnSyncnode,
        boolean checkTimeline,
        boolean paused,
        int maxTimelinesHistory,
        Duration primaryStartTimeout,
        Duration primaryStopTimeout,
        Duration memberSlotsTtl,
        boolean useSlots,
        Duration primaryRaceBackoff,
        boolean failsafeMode,
        SlotRules slots,
        Optional<StandbyCluster> standbyCluster,
        Map<String, String> parameters,
        ServerFiles files,
        ReplicaMaking replicas,
        ServerHandling handling) {

    DynamicConfig withTiming(Duration changedTtl, Duration changedLoopWait, Duration changedRetryTimeout) {
        return new DynamicConfig(
                changedTtl,
                changedLoopWait,
                changedRetryTimeout,
                maximumLagOnFailover,
                synchronousMode,
                synchronousModeStrict,
                synchronousNodeCount,
                maximumLagOnSyncnode,
                checkTimeline,
                paused,
                maxTimelinesHistory,
                primaryStartTimeout,
                primaryStopTimeout,
                memberSlotsTtl,
                useSlots,
                primaryRaceBackoff,
                failsafeMode,
                slots,
                standbyCluster,
                parameters,
                files,
                replicas,
                handling);
    }

    public enum SynchronousMode {
        OFF,
        ON,
        QUORUM
    }
}
