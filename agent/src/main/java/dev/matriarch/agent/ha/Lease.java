package dev.matriarch.agent.ha;

/** This member's grip on the leader lock. */
public sealed interface Lease {
    record NotHeld() implements Lease {}

    /**
     * @param epoch of the lock
     * @param deadline monotonic nanoseconds: the moment before the last confirmed renewal was sent, plus ttl; or
     *     before the last request that all others answered with a promise
     * @param renewed confirmed in this very heartbeat
     * @param byPromise since the last confirmation the deadline was moved on because all others promised not to race
     */
    record Held(long epoch, long deadline, boolean renewed, boolean byPromise) implements Lease {
        public Held(long epoch, long deadline, boolean renewed) {
            this(epoch, deadline, renewed, false);
        }
    }
}
