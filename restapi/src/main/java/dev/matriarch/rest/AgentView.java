package dev.matriarch.rest;

import java.util.Optional;

/** What the HTTP door may see of the agent and ask of it. Implementations are called by many threads at once. */
public interface AgentView {
    /** The last observation. Returns at once, never null, and never waits for PostgreSQL or the store. */
    Snapshot snapshot();

    /** The stored dynamic configuration as JSON, as last seen. Returns at once; empty if there is none. */
    Optional<String> config();

    /**
     * Merges a JSON object into the stored configuration; {@code null} deletes a key. Waits for the store, with a
     * deadline of its own.
     *
     * @param jsonPatch a JSON object, already checked to be one
     */
    ConfigChange patchConfig(String jsonPatch);

    /**
     * Replaces the stored configuration. Waits for the store, with a deadline of its own.
     *
     * @param json a JSON object, already checked to be one
     */
    ConfigChange replaceConfig(String json);
}
