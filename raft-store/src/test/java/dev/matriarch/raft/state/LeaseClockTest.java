package dev.matriarch.raft.state;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.raft.state.StoreState.Lease;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class LeaseClockTest {
    private static final long MS = 1_000_000L;
    private final LeaseClock clock = new LeaseClock();

    @Test
    void withoutLeasesThereIsNothingToWaitFor() {
        assertEquals(OptionalLong.empty(), clock.untilNext(5));
        assertEquals(List.of(), clock.due(5));
    }

    @Test
    void aLeaseIsDueWhenItsTimeHasPassed() {
        Lease lease = new Lease("l", "x", 1, 1, 100);
        clock.renewed(lease, 1000 * MS);
        assertEquals(OptionalLong.of(60 * MS), clock.untilNext(1040 * MS));
        assertEquals(List.of(), clock.due(1100 * MS - 1));
        assertEquals(List.of(lease), clock.due(1100 * MS));
        assertEquals(OptionalLong.of(0), clock.untilNext(1200 * MS));
    }

    @Test
    void aRenewalCountsFromItsOwnTimeWithItsOwnLength() {
        clock.renewed(new Lease("l", "x", 1, 1, 100), 0);
        Lease renewed = new Lease("l", "x", 1, 2, 50);
        clock.renewed(renewed, 90 * MS);
        assertEquals(List.of(), clock.due(139 * MS));
        assertEquals(List.of(renewed), clock.due(140 * MS));
    }

    @Test
    void theNextDeadlineIsTheEarliest() {
        clock.renewed(new Lease("a", "x", 1, 1, 300), 0);
        clock.renewed(new Lease("b", "x", 1, 1, 100), 0);
        assertEquals(OptionalLong.of(100 * MS), clock.untilNext(0));
        clock.ended("b");
        assertEquals(OptionalLong.of(300 * MS), clock.untilNext(0));
    }

    @Test
    void aLoadedStateCountsFromNow() {
        clock.renewed(new Lease("gone", "x", 1, 1, 10), 0);
        Lease lease = new Lease("l", "x", 1, 7, 100);
        clock.restart(List.of(lease), 5000 * MS);
        assertEquals(OptionalLong.of(100 * MS), clock.untilNext(5000 * MS));
        assertEquals(List.of(lease), clock.due(5100 * MS));
    }

    @Test
    void aClockThatWrapsIsNoTrouble() {
        Lease lease = new Lease("l", "x", 1, 1, 100);
        clock.renewed(lease, Long.MAX_VALUE - 10 * MS);
        assertEquals(List.of(), clock.due(Long.MAX_VALUE));
        assertEquals(List.of(lease), clock.due(Long.MIN_VALUE + 90 * MS));
    }
}
