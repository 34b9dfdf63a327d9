package dev.matriarch.dcs.http;

import java.time.Duration;

/** The time that one call may take, whatever it asks on its way. Counted on the monotonic clock from its making. */
public final class Budget {
    private static final Duration LEAST_SHARE = Duration.ofSeconds(1);
    private static final Duration LEAST_RETRY = Duration.ofMillis(100);

    private final long end;

    public Budget(Duration whole) {
        this.end = System.nanoTime() + whole.toNanos();
    }

    /** Never negative. */
    public Duration left() {
        return Duration.ofNanos(Math.max(0, end - System.nanoTime()));
    }

    public boolean isSpent() {
        return end - System.nanoTime() <= 0;
    }

    /**
     * Whether a request that failed is worth another try after a pause. What is sent in the last moment cannot be heard of any more: it
     * only leaves a write of unknown outcome on its way.
     */
    public boolean allowsRetryAfter(Duration pause) {
        return left().compareTo(pause.plus(LEAST_RETRY)) >= 0;
    }

    /** For something that is done on the way: a part of what is left. */
    public Budget part(Duration most) {
        Duration left = left();
        return new Budget(most.compareTo(left) < 0 ? most : left);
    }

    /** What the next of this many addresses may take: at least a second, and at most what is left. */
    public Duration share(int addresses) {
        Duration left = left();
        Duration share = left.dividedBy(Math.max(1, addresses));
        Duration least = share.compareTo(LEAST_SHARE) < 0 ? LEAST_SHARE : share;
        return least.compareTo(left) < 0 ? least : left;
    }
}
