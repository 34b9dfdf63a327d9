package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.Order;
import org.junit.jupiter.api.Test;

class OrderSlotTest {
    private final OrderSlot slot = new OrderSlot();

    @Test
    void aCopyThatWaitsOnOneThatLeadsIsTakenBackAndItsGiverCanSeeIt() {
        Order first = new Order.Reinitialize();
        assertTrue(slot.give(first));
        slot.leads();
        assertNull(slot.current());
        assertTrue(slot.isOutdated(first));
        // Equal, but another one.
        Order second = new Order.Reinitialize();
        assertEquals(first, second);
        assertTrue(slot.give(second));
        assertFalse(slot.isOutdated(second));
        assertSame(second, slot.discards());
        assertNull(slot.current());
        assertFalse(slot.isOutdated(second));
    }

    @Test
    void aRestartStaysWithOneThatLeads() {
        Order restart = new Order.Restart();
        slot.give(restart);
        slot.leads();
        assertSame(restart, slot.current());
        assertFalse(slot.isOutdated(restart));
        slot.restarts();
        assertNull(slot.current());
    }

    @Test
    void onlyAShutdownTakesAnothersPlace() {
        Order restart = new Order.Restart();
        assertTrue(slot.give(restart));
        assertFalse(slot.give(new Order.Reinitialize()));
        Order shutdown = new Order.Shutdown();
        assertTrue(slot.give(shutdown));
        assertSame(shutdown, slot.current());
        slot.withdraw(restart);
        assertSame(shutdown, slot.current());
    }
}
