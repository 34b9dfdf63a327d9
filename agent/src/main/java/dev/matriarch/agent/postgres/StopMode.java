package dev.matriarch.agent.postgres;

/** How a server is stopped. */
public enum StopMode {
    /** Disconnects clients, writes a shutdown checkpoint, sends it to the replicas. */
    FAST,
    /** Ends all processes at once; the next start replays WAL. */
    IMMEDIATE
}
