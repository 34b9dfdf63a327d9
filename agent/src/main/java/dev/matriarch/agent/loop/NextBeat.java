package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Settings;
import java.time.Duration;
import java.util.OptionalLong;

/** When the next heartbeat begins if nothing wakes it before. */
final class NextBeat {
    /** Not even a decision that asks for another one at once makes it spin. */
    private static final Duration SOONEST = Duration.ofMillis(20);

    private NextBeat() {}

    /**
     * In monotonic nanoseconds, as all moments here.
     *
     * @param started when the last one began
     * @param decided what it ended with
     * @param leaseEnds empty: this member does not hold the lock
     */
    static long at(long started, Decision decided, Settings settings, OptionalLong leaseEnds, long now) {
        Duration most = settings.loopWait();
        Duration sleep = decided instanceof Decision.Wait wait
                ? wait.atMost().filter(d -> d.compareTo(most) < 0).orElse(most)
                : SOONEST;
        long at = started + sleep.toNanos();
        if (leaseEnds.isPresent() && !settings.paused()) {
            // A primary must have begun to stop by then.
            at = Math.min(at, leaseEnds.getAsLong() - settings.safetyMargin().toNanos());
        }
        return Math.max(at, now + SOONEST.toNanos());
    }
}
