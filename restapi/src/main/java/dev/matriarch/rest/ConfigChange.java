package dev.matriarch.rest;

import java.util.List;
import java.util.Optional;

/** What became of a request to change the dynamic configuration. */
public sealed interface ConfigChange {
    /** The id by which the agent's log and the timeline know it; empty if it was refused before it was begun. */
    Optional<String> action();

    /** @param json the configuration in force now, which the store has confirmed */
    record Done(String json, Optional<String> action) implements ConfigChange {}

    /** @param problems one sentence each, naming the key and the accepted range */
    record Refused(List<String> problems) implements ConfigChange {
        public Refused {
            problems = List.copyOf(problems);
        }

        @Override
        public Optional<String> action() {
            return Optional.empty();
        }
    }

    /** The store holds no configuration that could be changed. */
    record NothingStored() implements ConfigChange {
        @Override
        public Optional<String> action() {
            return Optional.empty();
        }
    }

    /** Somebody else changed the configuration first; nothing was written. */
    record Conflict(Optional<String> action) implements ConfigChange {}

    /** @param sentence why the store did not answer, and that the outcome is unknown if it is */
    record Unavailable(String sentence, Optional<String> action) implements ConfigChange {}
}
