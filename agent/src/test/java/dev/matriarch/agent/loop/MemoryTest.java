package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.Failsafe;
import dev.matriarch.agent.ha.WalFlow;
import dev.matriarch.dcs.Lsn;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class MemoryTest {
    private final Memory memory = new Memory(0);

    private static Failsafe.Promise promise(String leader, long until) {
        return new Failsafe.Promise(leader, "", "", until);
    }

    private Failsafe.Promise promise() {
        return memory.situation(false).failsafe().promise().orElseThrow();
    }

    @Test
    void aPromiseIsNeverShortenedAndGivenToOneLeaderAtATime() {
        assertTrue(memory.promise(promise("n1", 100), 0));
        assertTrue(memory.promise(promise("n1", 90), 10));
        assertEquals(promise("n1", 100), promise());
        assertFalse(memory.promise(promise("n2", 200), 99));
        assertEquals(promise("n1", 100), promise());
        assertTrue(memory.promise(promise("n2", 200), 100));
        assertEquals(promise("n2", 200), promise());
    }

    @Test
    void whenTheLockBecameFreeAndWhenWalLastMovedIsKept() {
        memory.walSeen(false, Optional.of(new Lsn(1)), 10);
        memory.walSeen(true, Optional.of(new Lsn(2)), 20);
        memory.walSeen(true, Optional.of(new Lsn(2)), 30);
        assertEquals(
                new WalFlow(OptionalLong.of(20), OptionalLong.of(20)),
                memory.situation(false).walFlow());
        memory.walSeen(false, Optional.empty(), 40);
        assertEquals(
                new WalFlow(OptionalLong.empty(), OptionalLong.of(20)),
                memory.situation(false).walFlow());
    }
}
