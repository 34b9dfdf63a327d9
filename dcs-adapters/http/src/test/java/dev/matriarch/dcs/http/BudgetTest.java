package dev.matriarch.dcs.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class BudgetTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);

    @Test
    void nothingIsSentOnceMoreInTheLastMoment() {
        assertTrue(new Budget(MINUTE).allowsRetryAfter(Duration.ofMillis(200)));
        assertTrue(new Budget(MINUTE).allowsRetryAfter(Duration.ZERO));
        assertFalse(new Budget(MINUTE).allowsRetryAfter(MINUTE), "its answer would come too late");
        assertFalse(new Budget(Duration.ofMillis(90)).allowsRetryAfter(Duration.ZERO));
        assertFalse(new Budget(Duration.ZERO).allowsRetryAfter(Duration.ZERO));
    }

    @Test
    void aShareIsAtLeastASecondAndNeverMoreThanWhatIsLeft() {
        assertTrue(new Budget(MINUTE).share(3).compareTo(Duration.ofSeconds(20)) <= 0);
        assertTrue(new Budget(MINUTE).share(3).compareTo(Duration.ofSeconds(1)) > 0);
        assertTrue(new Budget(Duration.ofMillis(500)).share(3).compareTo(Duration.ofMillis(500)) <= 0);
        assertEquals(Duration.ZERO, new Budget(Duration.ZERO).share(3));
    }
}
