package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** When nobody can count on a lease of the old store any more. */
class RefoundingTest {
    private static final long WAIT = 30;
    private static final long MILLI = 1_000_000;

    /** {@link System#nanoTime()} may pass the largest number in between. */
    private static final long BEGUN = Long.MAX_VALUE - 10 * MILLI;

    @Test
    void notBeforeTheWholeTimeIsOver() {
        assertFalse(Refounding.isOver(BEGUN, BEGUN - MILLI, BEGUN + WAIT * MILLI - 1, WAIT));
        assertTrue(Refounding.isOver(BEGUN, BEGUN - MILLI, BEGUN + WAIT * MILLI, WAIT));
    }

    @Test
    void whoAnswersAsAPartOfTheOldStoreBeginsItAnew() {
        long seen = BEGUN + 20 * MILLI;
        assertFalse(Refounding.isOver(BEGUN, seen, BEGUN + WAIT * MILLI, WAIT));
        assertFalse(Refounding.isOver(BEGUN, seen, seen + WAIT * MILLI - 1, WAIT));
        assertTrue(Refounding.isOver(BEGUN, seen, seen + WAIT * MILLI, WAIT));
    }
}
