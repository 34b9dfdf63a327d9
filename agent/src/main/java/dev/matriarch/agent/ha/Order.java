package dev.matriarch.agent.ha;

import java.time.Duration;
import java.util.Optional;

/** What an operator asked this member to do. */
public sealed interface Order {
    /** The agent is to end: PostgreSQL is stopped and the lock handed over, unless the cluster is paused. */
    record Shutdown() implements Order {}

    /** @param timeout how long the start may take; empty: {@code primary_start_timeout} */
    record Restart(Optional<Duration> timeout) implements Order {
        public Restart() {
            this(Optional.empty());
        }
    }

    /** Given by the agent itself: a standby runs with settings that it cannot get rid of otherwise. */
    record RestartStandby(String because) implements Order {}

    /**
     * Discard the data directory and clone anew.
     *
     * @param force cancel a long action that is running
     * @param fromLeader clone from the leader, even where a replica offers itself
     */
    record Reinitialize(boolean force, boolean fromLeader) implements Order {
        public Reinitialize() {
            this(false, false);
        }
    }
}
