package dev.matriarch.rest;

import java.util.List;

/** What became of a request to change the dynamic configuration. */
public sealed interface ConfigChange {
    /** @param json the configuration in force now; the same as before if nothing had to be written */
    record Done(String json) implements ConfigChange {}

    /** @param problems one sentence each, naming the key and the accepted range */
    record Refused(List<String> problems) implements ConfigChange {
        public Refused {
            problems = List.copyOf(problems);
        }
    }

    /** The store holds no configuration that could be changed. */
    record NothingStored() implements ConfigChange {}

    /** Somebody else changed the configuration first; nothing was written. */
    record Conflict() implements ConfigChange {}

    /** @param sentence why the store did not answer, and that the outcome is unknown if it is */
    record Unavailable(String sentence) implements ConfigChange {}
}
