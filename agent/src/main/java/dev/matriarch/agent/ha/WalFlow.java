package dev.matriarch.agent.ha;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What this standby has seen of the WAL stream since nobody leads. Times are monotonic nanoseconds.
 *
 * @param unlockedSince since when the lock has been free; empty: it is not
 * @param movedAt when the received position was last seen to change; empty: never
 */
public record WalFlow(OptionalLong unlockedSince, OptionalLong movedAt) {
    public static final WalFlow NONE = new WalFlow(OptionalLong.empty(), OptionalLong.empty());

    /**
     * {@code primary_race_backoff}: while WAL keeps arriving, the primary is alive and only cut off from the store. Within the
     * window it is given the time to come back.
     *
     * @return how long the window still lasts; empty if the race may begin
     */
    Optional<Duration> stillArriving(long now, boolean streaming, Settings settings) {
        Duration window = settings.primaryRaceBackoff();
        if (!window.isPositive() || !streaming || unlockedSince.isEmpty()) {
            return Optional.empty();
        }
        long since = unlockedSince.getAsLong();
        long left = since + window.toNanos() - now;
        // Whether it moves at all can only be said after a while.
        long lastSign = Math.max(since, movedAt.orElse(since));
        boolean quiet = now - lastSign > settings.loopWait().toNanos();
        return left > 0 && !quiet ? Optional.of(Duration.ofNanos(left)) : Optional.empty();
    }
}
