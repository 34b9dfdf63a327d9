package dev.matriarch.sim;

/**
 * What a seed stands for: the shape of the cluster, its settings and how long it is troubled.
 *
 * @param config the first dynamic configuration
 * @param faultTime simulated nanoseconds with faults, after the cluster has been created
 * @param spite something goes wrong just when the leader changes who is waited for, who may follow it, or who leads
 * @param timings times in nanoseconds
 */
public record Plan(
        long seed,
        int nodes,
        long ttl,
        long loopWait,
        long retryTimeout,
        String mode,
        boolean mayDiscard,
        boolean troubledBirth,
        long faultTime,
        boolean spite,
        String config) {
    private static final long SECOND = 1_000_000_000L;
    /** Seeds from here on stand for schedules with faults at the worst moments. */
    static final long SPITE = 1_000_000_000L;

    static Plan of(long seed) {
        Rng rng = new Rng(seed ^ 0x5DEECE66DL);
        int shape = rng.below(10);
        int nodes = shape == 0 ? 1 : shape < 7 ? 3 : 5;
        int timing = rng.below(10);
        long[] t = timing < 5 ? new long[] {5, 1, 2} : timing < 8 ? new long[] {3, 1, 1} : new long[] {30, 10, 10};
        int sync = rng.below(10);
        String mode = sync < 2 ? "off" : sync < 4 ? "on" : "quorum";
        int count = nodes == 5 && rng.chance(0.4) ? 2 : 1;
        boolean mayDiscard = !rng.chance(0.15);
        long ttl = t[0] * SECOND;
        long fault = ttl * rng.between(8, 30);
        String config = "{\"ttl\": " + t[0] + ", \"loop_wait\": " + t[1] + ", \"retry_timeout\": " + t[2]
                + ", \"maximum_lag_on_failover\": 1048576"
                + (mode.equals("off") ? "" : ", \"synchronous_mode\": \"" + mode + "\"")
                + ", \"synchronous_node_count\": " + count
                + (rng.chance(0.2) ? ", \"primary_start_timeout\": " + rng.between(0, 5) : "")
                + (nodes > 1 && rng.chance(0.15) ? ", \"synchronous_mode_strict\": true" : "")
                + (rng.chance(0.15) ? ", \"failsafe_mode\": true" : "")
                + (rng.chance(0.2) ? ", \"check_timeline\": true" : "")
                + ", \"postgresql\": {\"use_pg_rewind\": " + !rng.chance(0.1) + "}}";
        return new Plan(
                seed,
                nodes,
                ttl,
                t[1] * SECOND,
                t[2] * SECOND,
                mode,
                mayDiscard,
                rng.chance(0.1),
                fault,
                seed >= SPITE,
                config);
    }

    long electionMin() {
        return ttl <= 3 * SECOND ? 300_000_000L : 800_000_000L;
    }

    long electionMax() {
        return electionMin() * 2;
    }

    /**
     * How long a cluster may take, once nothing troubles it any more, to have one leader and all others streaming from it.
     */
    long bound() {
        return 60 * SECOND + 6 * ttl + 6 * loopWait;
    }
}
