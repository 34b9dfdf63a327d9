package dev.matriarch.agent.ha;

/** This member's grip on the leader lock. */
public sealed interface Lease {
    record NotHeld() implements Lease {}

    /**
     * @param epoch of the lock
     * @param deadline monotonic nanoseconds: the moment before the last confirmed renewal was sent, plus ttl
     * @param renewed confirmed in this very heartbeat
     */
    record Held(long epoch, long deadline, boolean renewed) implements Lease {}
}
