package dev.matriarch.agent.loop;

import dev.matriarch.dcs.Versioned;
import dev.matriarch.rest.ConfigChange;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * A change that is merged into whatever is stored may be made again if somebody else was first: several who ask for the same at the
 * same time, each on a member of its own, all get what they want.
 */
final class ConfigMerge {
    private static final int TRIES = 5;
    /** A member's copy of the store is behind by a heartbeat of the store at most, a fraction of this. */
    private static final Duration NEWS = Duration.ofSeconds(1);

    private ConfigMerge() {}

    /**
     * Blocks its thread for a few seconds at most.
     *
     * @param first what the member has read
     * @param stored reads it again
     * @param write merges into what it is given and writes the result if that is still what is stored
     */
    static ConfigChange merge(
            Versioned<String> first,
            Supplier<Optional<Versioned<String>>> stored,
            Function<Versioned<String>, ConfigChange> write) {
        Versioned<String> seen = first;
        for (int i = 1; ; i++) {
            ConfigChange outcome = write.apply(seen);
            if (!(outcome instanceof ConfigChange.Conflict) || i == TRIES) {
                return outcome;
            }
            Optional<Versioned<String>> newer = newer(seen.revision(), stored);
            if (newer.isEmpty()) {
                return outcome;
            }
            seen = newer.get();
        }
    }

    private static Optional<Versioned<String>> newer(long than, Supplier<Optional<Versioned<String>>> stored) {
        long end = System.nanoTime() + NEWS.toNanos();
        while (System.nanoTime() < end) {
            Optional<Versioned<String>> now = stored.get();
            if (now.isPresent() && now.get().revision() > than) {
                return now;
            }
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return Optional.empty();
            }
        }
        return Optional.empty();
    }
}
