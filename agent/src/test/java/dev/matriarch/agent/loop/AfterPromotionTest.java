package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.postgres.PostgresException;
import java.util.ArrayDeque;
import java.util.Queue;
import org.junit.jupiter.api.Test;

class AfterPromotionTest {
    private final Queue<Runnable> background = new ArrayDeque<>();
    private int checkpoints;
    private int woken;
    private final AfterPromotion afterPromotion =
            new AfterPromotion(() -> checkpoints++, background::add, () -> woken++);

    /** The agent was killed while PostgreSQL was promoted: nobody could rewind for minutes. Found by the simulator. */
    @Test
    void primaryThatIsSeenForTheFirstTimeGetsItsCheckpointWhoeverPromotedIt() {
        assertFalse(afterPromotion.pending());
        afterPromotion.primarySeen();
        afterPromotion.primarySeen();
        assertTrue(afterPromotion.pending());
        background.remove().run();
        assertFalse(afterPromotion.pending());
        afterPromotion.primarySeen();
        assertTrue(background.isEmpty());
        assertEquals(1, checkpoints);
        assertEquals(1, woken);
    }

    @Test
    void checkpointOfAnEarlierLifeDoesNotCount() {
        afterPromotion.primarySeen();
        afterPromotion.notPrimary();
        assertFalse(afterPromotion.pending());
        afterPromotion.primarySeen();
        background.remove().run();
        assertTrue(afterPromotion.pending());
        background.remove().run();
        assertFalse(afterPromotion.pending());
    }

    @Test
    void checkpointThatFailedHoldsNobodyUp() {
        AfterPromotion failing = new AfterPromotion(
                () -> {
                    throw new PostgresException("no");
                },
                Runnable::run,
                () -> woken++);
        failing.primarySeen();
        assertFalse(failing.pending());
        assertEquals(1, woken);
    }
}
