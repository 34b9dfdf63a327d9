package dev.matriarch.agent.ha;

/** What an operator asked this member to do. */
public sealed interface Order {
    /** The agent is to end: PostgreSQL is stopped and the lock handed over, unless the cluster is paused. */
    record Shutdown() implements Order {}

    record Restart() implements Order {}

    /** Discard the data directory and clone anew. */
    record Reinitialize() implements Order {}
}
