package dev.matriarch.agent.join;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Counts wrong tokens by the host that they come from, and all of them together: a secret cannot be guessed, but who tries should
 * cost nothing. Any thread; the time is an argument, in nanoseconds of a monotonic clock.
 */
final class Guesses {
    static final int OF_ONE_HOST = 5;
    static final int OF_ALL = 100;
    static final Duration WINDOW = Duration.ofMinutes(1);
    private static final int MOST_HOSTS = 1000;

    private record Count(long since, int wrong) {
        boolean isOld(long now) {
            return now - since >= WINDOW.toNanos();
        }
    }

    private final Map<String, Count> hosts = new LinkedHashMap<>();
    private Count all = new Count(0, 0);

    /** @return why nothing is looked at now; empty: go on */
    synchronized Optional<String> refusal(String host, long now) {
        Count own = hosts.getOrDefault(host, new Count(now, 0));
        boolean tooMany = !own.isOld(now) && own.wrong() >= OF_ONE_HOST || !all.isOld(now) && all.wrong() >= OF_ALL;
        return tooMany
                ? Optional.of("too many wrong tokens were shown; nothing is looked at before a minute has passed")
                : Optional.empty();
    }

    synchronized void wrong(String host, long now) {
        all = oneMore(all, now);
        hosts.values().removeIf(c -> c.isOld(now));
        if (hosts.size() < MOST_HOSTS || hosts.containsKey(host)) {
            hosts.put(host, oneMore(hosts.getOrDefault(host, new Count(now, 0)), now));
        }
    }

    private static Count oneMore(Count before, long now) {
        return before.wrong() == 0 || before.isOld(now)
                ? new Count(now, 1)
                : new Count(before.since(), before.wrong() + 1);
    }
}
