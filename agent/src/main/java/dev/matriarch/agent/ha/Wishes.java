package dev.matriarch.agent.ha;

import java.time.Duration;
import java.util.Optional;

/**
 * What operators asked for and is not over yet, as far as this member alone remembers it.
 *
 * @param restart scheduled for later
 * @param handedOver this server was stopped to let another member lead, and has not run since: it comes back as a
 *     replica even in a paused cluster
 * @param cloneFromLeader the next clone is to be taken from the leader
 * @param startTimeout how long the restart that is going on may take; empty: {@code primary_start_timeout}
 * @param cloneHeld an operator cancelled a copy: none is made before the next order
 */
public record Wishes(
        Optional<ScheduledRestart> restart,
        boolean handedOver,
        boolean cloneFromLeader,
        Optional<Duration> startTimeout,
        boolean cloneHeld) {
    public static final Wishes NONE = new Wishes(Optional.empty(), false, false, Optional.empty(), false);

    public Wishes withRestart(Optional<ScheduledRestart> value) {
        return new Wishes(value, handedOver, cloneFromLeader, startTimeout, cloneHeld);
    }

    public Wishes withHandedOver(boolean value) {
        return new Wishes(restart, value, cloneFromLeader, startTimeout, cloneHeld);
    }

    public Wishes withCloneFromLeader(boolean value) {
        return new Wishes(restart, handedOver, value, startTimeout, cloneHeld);
    }

    public Wishes withStartTimeout(Optional<Duration> value) {
        return new Wishes(restart, handedOver, cloneFromLeader, value, cloneHeld);
    }

    public Wishes withCloneHeld(boolean value) {
        return new Wishes(restart, handedOver, cloneFromLeader, startTimeout, value);
    }
}
