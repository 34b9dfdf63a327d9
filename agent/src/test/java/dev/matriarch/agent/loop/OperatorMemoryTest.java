package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.Divergence;
import dev.matriarch.agent.ha.RestartFilter;
import dev.matriarch.agent.ha.ScheduledRestart;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class OperatorMemoryTest {
    private static final ScheduledRestart RESTART =
            new ScheduledRestart(Instant.parse("2026-01-01T00:00:00Z"), RestartFilter.NONE, Optional.empty(), "start");

    private final Memory memory = new Memory(0);

    /** Else a member that was promoted by hand in a pause would be taken for a standby that had been compared. */
    @Test
    void whatWasFoundOutAboutAStandbyIsForgottenWhenItIsAPrimary() {
        memory.compared(5, new Divergence.None());
        memory.primarySeen(1);
        assertInstanceOf(Divergence.Unchecked.class, memory.situation(true).divergenceAgainst(5));
    }

    @Test
    void oneRestartCanBeScheduledAndAnyRestartEndsIt() {
        assertTrue(memory.scheduleRestart(RESTART));
        assertFalse(memory.scheduleRestart(RESTART));
        memory.restarting(Optional.of(Duration.ofSeconds(3)));
        assertEquals(Optional.empty(), memory.wishes().restart());
        assertEquals(Optional.of(Duration.ofSeconds(3)), memory.wishes().startTimeout());
        memory.settled();
        assertEquals(Optional.empty(), memory.wishes().startTimeout());
        assertFalse(memory.dropScheduledRestart());
    }

    @Test
    void whoHandedTheLockOverKnowsItUntilItsServerRunsAgain() {
        memory.released(1);
        assertFalse(memory.wishes().handedOver(), "it gave the lock up for another reason");
        memory.steppingDown(true);
        memory.released(2);
        assertTrue(memory.wishes().handedOver());
        memory.settled();
        assertFalse(memory.wishes().handedOver());
    }
}
