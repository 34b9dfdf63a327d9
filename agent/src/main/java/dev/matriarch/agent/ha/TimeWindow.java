package dev.matriarch.agent.ha;

import java.time.Duration;
import java.time.Instant;

/**
 * When something scheduled is due. The only use of the wall clock in a decision: a schedule is a promise to people.
 *
 * <p>What is late by more than one and a half heartbeats does not happen any more: the agent was away at its time, and
 * nobody expects it now.
 */
sealed interface TimeWindow {
    /** @param left until the time; always positive */
    record Early(Duration left) implements TimeWindow {}

    record Due() implements TimeWindow {}

    record Stale() implements TimeWindow {}

    static TimeWindow of(Instant at, Instant now, Duration loopWait) {
        Duration left = Duration.between(now, at);
        if (left.isPositive()) {
            return new Early(left);
        }
        Duration late = left.negated();
        return late.compareTo(loopWait.multipliedBy(3).dividedBy(2)) > 0 ? new Stale() : new Due();
    }
}
