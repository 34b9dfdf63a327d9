package dev.matriarch.agent.ha;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * The kernel watchdog fitted between the guards and the end of the lease.
 *
 * <p>Let <i>s</i> be the moment before a renewal was sent, <i>T</i> the ttl, <i>W</i> the device's time-out, <i>u</i>
 * the {@link Rings#unit}. The device counts whole seconds from the keepalive, which follows the confirmation of the
 * renewal by <i>e</i>, so it fires at s + e + W. Nothing may write after s + T, hence e must stay below T − W. As it
 * fires no earlier than s + W, the holder moves its own end of the lease forward to s + W + u/2 and all inner rings
 * with it: the agent stops at s + W − 2u, the guards quit at s + W − u and kill at s + W − u/2.
 *
 * @param ttl T
 * @param seconds W
 */
public record WatchdogTiming(Duration ttl, int seconds) {
    /** What a driver takes at most. */
    private static final int LONGEST = 65_534;
    /** A renewal takes some time to be confirmed. */
    private static final Duration SHORTEST_MARGIN = Duration.ofMillis(500);
    /** For the clock tick of the device, and for the way from our clock to it. */
    private static final Duration SLACK = Duration.ofMillis(100);

    public sealed interface Plan {
        record Possible(WatchdogTiming timing) implements Plan {}

        /** @param why a sentence that says what to change */
        record Impossible(String why) implements Plan {}
    }

    /** The time-out to ask the device for. */
    public static Plan plan(Duration ttl, Duration loopWait, SafetyMargin margin) {
        WatchdogTiming timing = new WatchdogTiming(ttl, wanted(ttl, margin));
        Duration least = shortestMargin(ttl);
        if (timing.margin().compareTo(least) < 0) {
            return new Plan.Impossible("Watchdog not supported because a time-out of " + timing.seconds
                    + " s could reset the host too late for the leader lease of " + text(ttl)
                    + " s: set watchdog.safety_margin to at least " + text(least) + ", or leave it out");
        }
        if (timing.leavesTimeFor(loopWait)) {
            return new Plan.Possible(timing);
        }
        String remedy = LongStream.range(1, LONGEST)
                .mapToObj(Duration::ofSeconds)
                .filter(t -> new WatchdogTiming(t, wanted(t, margin)).leavesTimeFor(loopWait))
                .findFirst()
                .map(t -> "raise ttl to " + text(t) + " s, or lower loop_wait")
                .orElse("lower loop_wait");
        return new Plan.Impossible("Watchdog not supported because leader TTL " + text(ttl) + " s leaves a time-out of "
                + Math.max(timing.seconds, 0) + " s, but loop_wait " + text(loopWait) + " s needs one of at least "
                + text(timing.leastTimeout(loopWait)) + " s: " + remedy
                + (margin instanceof SafetyMargin.Narrowest ? "" : " or watchdog.safety_margin"));
    }

    private static int wanted(Duration ttl, SafetyMargin margin) {
        Duration time = switch (margin) {
            case SafetyMargin.Narrowest narrowest -> ttl.minus(shortestMargin(ttl));
            case SafetyMargin.HalfTheTtl half -> ttl.dividedBy(2);
            case SafetyMargin.Of(Duration given) -> ttl.minus(given);
        };
        return Math.clamp(time.getSeconds(), -1, LONGEST);
    }

    private static Duration shortestMargin(Duration ttl) {
        Duration unit = Rings.unit(ttl);
        return unit.compareTo(SHORTEST_MARGIN) > 0 ? unit : SHORTEST_MARGIN;
    }

    private Duration margin() {
        return ttl.minusSeconds(seconds);
    }

    /** The holder must be able to miss a heartbeat's length and a little more before it stops itself. */
    private Duration leastTimeout(Duration loopWait) {
        return loopWait.plus(Rings.unit(ttl).multipliedBy(3));
    }

    private boolean leavesTimeFor(Duration loopWait) {
        return Duration.ofSeconds(seconds).compareTo(leastTimeout(loopWait)) >= 0;
    }

    /**
     * What is wrong with the time-out that the device has taken instead of the one it was asked for.
     *
     * @param actual seconds, read back
     */
    public Optional<Unfit> judge(int actual, Duration loopWait) {
        if (actual > seconds) {
            return Optional.of(new Unfit(
                    true,
                    "Watchdog timeout " + actual + " seconds does not ensure safe termination within " + text(ttl)
                            + " seconds"));
        }
        return new WatchdogTiming(ttl, actual).leavesTimeFor(loopWait)
                ? Optional.empty()
                : Optional.of(new Unfit(
                        false,
                        "Watchdog timeout " + actual + " seconds is too short: loop_wait " + text(loopWait)
                                + " s needs one of at least " + text(leastTimeout(loopWait)) + " s"));
    }

    /** @param tooLong the host might be reset after the lease has ended; otherwise it might be without need */
    public record Unfit(boolean tooLong, String sentence) {}

    /** How much earlier than after the whole ttl the holder ends its own lease, so that all rings lie inside W. */
    public Duration earlier() {
        Duration shift = margin().minus(Rings.hostResets(ttl));
        return shift.isNegative() ? Duration.ZERO : shift;
    }

    /** A keepalive later than this after the renewal was sent would let the host live beyond the lease. */
    public Duration longestRenewal() {
        Duration longest = margin().minus(SLACK);
        return longest.isNegative() ? Duration.ZERO : longest;
    }

    private static String text(Duration d) {
        BigDecimal s = BigDecimal.valueOf(d.toMillis(), 3).stripTrailingZeros();
        return s.scale() < 0 ? s.setScale(0).toPlainString() : s.toPlainString();
    }
}
