package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class StuckChangeTest {
    private final StuckChange change = new StuckChange();

    private boolean failedAt(int second) {
        return change.failed(TimeUnit.SECONDS.toNanos(second), TimeUnit.SECONDS.toNanos(second));
    }

    /** When a leader that is asked every second from then on gives up. */
    private int secondsUntilGivenUp(int from) {
        int second = from;
        while (!failedAt(second)) {
            second++;
        }
        return second - from;
    }

    @Test
    void leaderStepsDownAfterAWhileAndWaitsLongerTheNextTime() {
        assertEquals(20, secondsUntilGivenUp(-7));
        assertEquals(40, secondsUntilGivenUp(14));
        assertEquals(80, secondsUntilGivenUp(55));
    }

    @Test
    void theTimeOfTheFirstRequestCounts() {
        assertFalse(change.failed(0, TimeUnit.SECONDS.toNanos(12)));
        assertFalse(failedAt(19));
        assertTrue(failedAt(20));
    }

    @Test
    void aChangeThatEndedOrWasGivenUpByItsPeerStartsAnew() {
        assertFalse(failedAt(0));
        assertFalse(failedAt(15));
        change.succeeded();
        assertEquals(20, secondsUntilGivenUp(16));
        assertFalse(failedAt(100));
        assertEquals(40, secondsUntilGivenUp(200));
    }
}
