package dev.matriarch.agent.callbacks;

/** What happened to the server. */
public enum Action {
    /** It was started and accepts connections. */
    STARTED,
    /** It was stopped, and not in order to start it again at once. */
    STOPPED,
    RESTARTED,
    RELOADED,
    PROMOTED,
    /** A leader could not get it to run and gave the lock away. */
    GIVEN_UP,
    /** A heartbeat saw it running: at first sight, or in a role that nobody here gave it. */
    SEEN
}
