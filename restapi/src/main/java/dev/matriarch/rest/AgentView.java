package dev.matriarch.rest;

import dev.matriarch.dcs.ClusterView;
import java.util.Optional;

/**
 * What the HTTP door may see of the agent and ask of it. Implementations are called by many threads at once.
 *
 * <p>What asks for something waits for the store or for PostgreSQL, with a deadline of its own, and decides by the very
 * checks that the gRPC door uses.
 */
public interface AgentView {
    /** The last observation. Returns at once, never null, and never waits for PostgreSQL or the store. */
    Snapshot snapshot();

    /** For monitoring. Returns at once. */
    Vitals vitals();

    /** What all members say of themselves. Returns at once; that somebody looks may begin to gather it. */
    Panorama panorama();

    /** The store's state now; empty if it does not answer within {@code retry_timeout}. */
    Optional<ClusterView> cluster();

    /**
     * Merges a JSON object into the stored configuration; {@code null} deletes a key.
     *
     * @param jsonPatch a JSON object, already checked to be one
     */
    ConfigChange patchConfig(String jsonPatch);

    /**
     * Replaces the stored configuration.
     *
     * @param json a JSON object, already checked to be one
     */
    ConfigChange replaceConfig(String json);

    /** Has the local configuration read again. */
    Answer reload();

    /** Restarts PostgreSQL, now or later. Returns when it runs again, at the latest after the time that was given. */
    Answer restart(RestartWish wish);

    Answer cancelRestart();

    /** Has the data directory copied afresh; returns when that has begun. */
    Answer reinitialize(boolean force, boolean fromLeader);

    /** 200 when it was carried out, or if it is no concern of this member; at the latest when the event's time is over. */
    Answer leaderOfGroupChanges(GroupEvent event);

    /** Returns when it is over, or when nothing is known of it for too long. */
    Answer changeLeader(ChangeOfLeader wish);

    Answer cancelSwitchover();

    /**
     * Failsafe mode: promises a leader that has lost the store not to take the lock.
     *
     * @return 200 if it is promised
     */
    Answer keepAwayFromLock(String leader, String connUrl, String apiUrl);
}
