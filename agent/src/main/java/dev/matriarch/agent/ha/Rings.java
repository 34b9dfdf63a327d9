package dev.matriarch.agent.ha;

import java.time.Duration;

/**
 * When each fence acts on a primary whose lease is not renewed, counted back from the holder's own end of the lease. In
 * units that follow the ttl, so that what goes wrong in one ring leaves time for the next.
 */
public final class Rings {
    private static final long SHORTEST_UNIT = 200_000_000L;
    private static final long LONGEST_UNIT = 1_000_000_000L;

    private Rings() {}

    /** 6 % of the ttl, at least 200 ms and at most 1 s. */
    public static Duration unit(Duration ttl) {
        return Duration.ofNanos(Math.clamp(ttl.toNanos() * 6 / 100, SHORTEST_UNIT, LONGEST_UNIT));
    }

    /** The agent itself stops PostgreSQL this long before the end. */
    public static Duration agentStops(Duration ttl) {
        return unit(ttl).multipliedBy(5).dividedBy(2);
    }

    /** The guards ask the postmaster to quit this long before the end. */
    public static Duration guardQuits(Duration ttl) {
        return unit(ttl).multipliedBy(3).dividedBy(2);
    }

    /** The guards kill every process of the server this long before the end. */
    public static Duration guardKills(Duration ttl) {
        return unit(ttl);
    }

    /** The kernel watchdog resets the host this long before the end, at the earliest. */
    public static Duration hostResets(Duration ttl) {
        return unit(ttl).dividedBy(2);
    }
}
