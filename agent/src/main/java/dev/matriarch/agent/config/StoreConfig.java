package dev.matriarch.agent.config;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Where the cluster's keys are kept. */
public sealed interface StoreConfig permits RaftConfig, EtcdConfig, ConsulConfig, ZooKeeperConfig, KubernetesConfig {
    /** True for a store of others, whose sessions and clocks are not made for short leases. */
    boolean isExternal();

    /** The sections that name a store, in Patroni's order: of several the first one is used. */
    List<String> SECTIONS = List.of("consul", "etcd", "etcd3", "exhibitor", "kubernetes", "raft", "zookeeper");

    /** The section of the local configuration that this was read from. */
    default String section() {
        return switch (this) {
            case RaftConfig raft -> "raft";
            case EtcdConfig etcd -> etcd.api().section();
            case ConsulConfig consul -> "consul";
            case ZooKeeperConfig zoo -> zoo.exhibitor().isPresent() ? "exhibitor" : "zookeeper";
            case KubernetesConfig kubernetes -> "kubernetes";
        };
    }

    Duration LEAST_TTL = Duration.ofSeconds(20);
    Duration LEAST_LOOP_WAIT = Duration.ofSeconds(1);
    Duration LEAST_RETRY_TIMEOUT = Duration.ofSeconds(3);

    /**
     * Why a cluster-wide timing cannot be asked for with this store; empty if it can.
     *
     * @param longestTtl what the store grants at the most, if that is known
     */
    default Optional<String> timingProblem(DynamicConfig timing, Optional<Duration> longestTtl) {
        return timingProblem(timing)
                .or(() -> limit(longestTtl)
                        .filter(most -> timing.ttl().compareTo(most) > 0)
                        .map(most -> tooLong(timing.ttl(), most)));
    }

    /** A store that grants less than any cluster may ask for is in nobody's way: it gives no lock. */
    private static Optional<Duration> limit(Optional<Duration> longestTtl) {
        return longestTtl.filter(most -> most.compareTo(LEAST_TTL) >= 0);
    }

    private static String tooLong(Duration ttl, Duration most) {
        return "ttl " + Quantity.seconds(ttl) + " is longer than a server of the store lets a session live: "
                + Quantity.seconds(most) + " s (maxSessionTimeout)";
    }

    /** Why a cluster-wide timing cannot be asked for with this store, whatever its servers grant; empty if it can. */
    default Optional<String> timingProblem(DynamicConfig timing) {
        if (!isExternal()) {
            return Optional.empty();
        }
        return shorter("ttl", timing.ttl(), LEAST_TTL)
                .or(() -> shorter("loop_wait", timing.loopWait(), LEAST_LOOP_WAIT))
                .or(() -> shorter("retry_timeout", timing.retryTimeout(), LEAST_RETRY_TIMEOUT));
    }

    private static Optional<String> shorter(String key, Duration value, Duration least) {
        return value.compareTo(least) >= 0
                ? Optional.empty()
                : Optional.of(key + " " + Quantity.seconds(value) + " is too short for an external store: at least "
                        + Quantity.seconds(least) + " s; only the built-in one takes less");
    }

    /** What somebody else has written into the store, raised to what holds with this store. */
    default DynamicConfig raised(DynamicConfig timing) {
        return within(timing, Optional.empty());
    }

    /** As {@link #raised}; and what is longer than the store grants is lowered, so that a lock that is held can be renewed. */
    default DynamicConfig within(DynamicConfig timing, Optional<Duration> longestTtl) {
        if (timingProblem(timing, longestTtl).isEmpty()) {
            return timing;
        }
        Duration raised = max(timing.ttl(), LEAST_TTL);
        Duration ttl =
                limit(longestTtl).filter(most -> most.compareTo(raised) < 0).orElse(raised);
        Duration loopWait = max(timing.loopWait(), LEAST_LOOP_WAIT);
        Duration retry = max(timing.retryTimeout(), LEAST_RETRY_TIMEOUT);
        if (loopWait.plus(retry.multipliedBy(2)).compareTo(ttl) > 0) {
            loopWait = LEAST_LOOP_WAIT;
            Duration room = ttl.minus(loopWait).dividedBy(2);
            retry = retry.compareTo(room) > 0 ? room : retry;
        }
        return timing.withTiming(ttl, loopWait, retry);
    }

    private static Duration max(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? other : one;
    }
}
