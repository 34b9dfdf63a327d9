package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.Rings;
import dev.matriarch.agent.ha.Settings;
import java.time.Duration;
import java.util.OptionalLong;

/**
 * The arithmetic of this member's grip on the leader lock. Pure: clocks are read by the caller. Written by one thread;
 * {@link #deadline()} may be read by any.
 *
 * <p>A lease counts from the moment before its renewal was sent. Counted back from its end by units of a share of the ttl,
 * the heartbeat stops a primary first, then the guard asks it to quit, then the guard kills it. While a kernel watchdog
 * runs the holder ends its lease earlier, so that all of that comes before the host is reset.
 */
final class Grip {
    private static final Duration SHORTEST_CALL = Duration.ofMillis(100);

    private boolean held;
    private long epoch;
    private long renewalSent;
    private boolean stale;
    private boolean byPromise;
    private volatile OptionalLong deadline = OptionalLong.empty();
    private Duration ttl = Duration.ZERO;
    private long countsFrom;
    private long countsFromCentis;
    private GuardTimes guardTimes = new GuardTimes(0, 0);

    /** When a guard acts, in centiseconds of uptime. */
    record GuardTimes(long quitAtCentis, long killAtCentis) {}

    /** How long before the lease's end the heartbeat itself stops a primary: before the guard would. */
    static Duration safetyMargin(Duration ttl) {
        return Rings.agentStops(ttl);
    }

    /** @param sentCentis uptime before the renewal was sent */
    static GuardTimes guardTimes(long sentCentis, Duration ttl) {
        return guardTimes(sentCentis, ttl, Duration.ZERO);
    }

    private static GuardTimes guardTimes(long sentCentis, Duration ttl, Duration earlier) {
        Duration mine = ttl.minus(earlier);
        return new GuardTimes(
                sentCentis + centis(mine.minus(Rings.guardQuits(ttl))),
                sentCentis + centis(mine.minus(Rings.guardKills(ttl))));
    }

    private static long centis(Duration duration) {
        return duration.toMillis() / 10;
    }

    /** The store confirmed what was sent at the given moments, in monotonic nanoseconds and in uptime. */
    void confirmed(long lockEpoch, long sentNanos, long sentCentis, Settings settings) {
        confirmed(lockEpoch, sentNanos, sentCentis, settings, Duration.ZERO);
    }

    /** @param earlier how much before the lease's end this member ends it for itself */
    void confirmed(long lockEpoch, long sentNanos, long sentCentis, Settings settings, Duration earlier) {
        held = true;
        epoch = lockEpoch;
        renewalSent = sentNanos;
        stale = false;
        byPromise = false;
        extend(sentNanos, sentCentis, settings, earlier);
    }

    boolean promised(long now, long askedNanos, long askedCentis, Settings settings) {
        return promised(now, askedNanos, askedCentis, settings, Duration.ZERO);
    }

    /**
     * Failsafe mode: everybody who could take the lock promised not to, asked at the given moments.
     *
     * @param now when the last promise was there
     * @return false if the lease had ended by then: what was stopped for it stays stopped
     */
    boolean promised(long now, long askedNanos, long askedCentis, Settings settings, Duration earlier) {
        if (!lasts(now)) {
            return false;
        }
        byPromise = true;
        extend(askedNanos, askedCentis, settings, earlier);
        return true;
    }

    private void extend(long sentNanos, long sentCentis, Settings settings, Duration earlier) {
        countsFrom = sentNanos;
        countsFromCentis = sentCentis;
        ttl = settings.ttl();
        endEarlier(earlier);
    }

    /**
     * Before a renewal is sent: it may take effect although nobody hears of it, and with a shorter ttl than the last one the
     * lease then ends earlier. From here on it is counted to end as early as that.
     *
     * @return true if the guards have to be told
     */
    boolean renewing(long sentNanos, long sentCentis, Settings settings, Duration earlier) {
        long end = sentNanos + settings.ttl().minus(earlier).toNanos();
        if (!held || end - deadline.orElse(end) >= 0) {
            return false;
        }
        extend(sentNanos, sentCentis, settings, earlier);
        return true;
    }

    /**
     * Counts the present lease anew, with an end for this member that much before its end in the store. It lasts as long as
     * its renewal asked for, whatever ttl is configured by now.
     */
    void endEarlier(Duration earlier) {
        deadline = OptionalLong.of(countsFrom + ttl.minus(earlier).toNanos());
        guardTimes = guardTimes(countsFromCentis, ttl, earlier);
    }

    /** Of the present lease, as its renewal asked for it. */
    Duration ttl() {
        return ttl;
    }

    /** Monotonic nanoseconds: what the present lease counts from. */
    long countsFrom() {
        return countsFrom;
    }

    GuardTimes guardTimes() {
        return guardTimes;
    }

    /** It has not ended. */
    boolean lasts(long now) {
        return held && deadline.orElse(now) - now > 0;
    }

    /**
     * The store says that the lock is not this member's.
     *
     * @param holder whose it is; empty: nobody's. A lock that expired while all others had promised not to take it is not
     *     lost: it can be taken again.
     * @return true if the lease is over
     */
    boolean lost(String holder, long now) {
        if (holder.isEmpty() && byPromise && lasts(now)) {
            return false;
        }
        drop();
        return true;
    }

    /** @param freshFor a renewal younger than this counts as made in this heartbeat */
    Lease lease(long now, Duration freshFor) {
        return lasts(now)
                ? new Lease.Held(
                        epoch, deadline.getAsLong(), !stale && now - renewalSent < freshFor.toNanos(), byPromise)
                : new Lease.NotHeld();
    }

    boolean held() {
        return held;
    }

    /** Of the lock as it was confirmed last. */
    long epoch() {
        return epoch;
    }

    /** The last renewal counts as old, however young: something depends on a new one. */
    void renewAgain() {
        stale = true;
    }

    /** The end of the lease in monotonic nanoseconds. */
    OptionalLong deadline() {
        return deadline;
    }

    /** The moment after which nothing may be started as a primary any more, in centiseconds of uptime. */
    long startNotAfterCentis() {
        return guardTimes.quitAtCentis();
    }

    /** A renewal must be over, one way or the other, before a primary has to begin to stop. */
    Duration renewalTimeout(long now, Settings settings) {
        Duration timeout = settings.retryTimeout();
        if (!held || settings.paused()) {
            return timeout;
        }
        long left = deadline.orElse(now) - now - settings.safetyMargin().toNanos();
        return Duration.ofNanos(Math.clamp(left, SHORTEST_CALL.toNanos(), timeout.toNanos()));
    }

    void drop() {
        held = false;
        byPromise = false;
        deadline = OptionalLong.empty();
    }
}
