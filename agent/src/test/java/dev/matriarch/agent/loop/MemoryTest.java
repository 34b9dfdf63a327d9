package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.Failsafe;
import dev.matriarch.agent.ha.WalFlow;
import dev.matriarch.dcs.Lsn;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
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

    /** A session shows a new list at once; those that send WAL go by it a moment later. */
    @Test
    void aListOfStandbysCountsOnceWalSendersGoByIt() {
        memory.standbyNamesSeen("ANY 1 (n2)", new Lsn(10), true, 0, 100);
        memory.standbyNamesSeen("ANY 1 (n2)", new Lsn(20), true, 99, 100);
        assertEquals(Optional.empty(), memory.situation(false).standbyNamesSince());
        assertTrue(memory.standbyNamesSettling());
        memory.standbyNamesSeen("ANY 1 (n2)", new Lsn(30), true, 100, 100);
        memory.standbyNamesSeen("ANY 1 (n2)", new Lsn(40), true, 200, 100);
        assertEquals(Optional.of(new Lsn(30)), memory.situation(false).standbyNamesSince());
    }

    /** Without a list before it, commits wait only after the checkpointer has taken it up. */
    @Test
    void theFirstListCountsOnceTheCheckpointerGoesByItToo() {
        memory.standbyNamesSeen("ANY 1 (n2)", new Lsn(10), false, 0, 100);
        memory.standbyNamesSeen("ANY 1 (n2)", new Lsn(20), false, 1000, 100);
        memory.standbyNamesSeen("ANY 1 (n3)", new Lsn(30), false, 1000, 100);
        memory.standbyNamesSeen("ANY 1 (n3)", new Lsn(40), false, 2000, 100);
        assertEquals(Optional.empty(), memory.situation(false).standbyNamesSince());
        memory.standbyNamesSeen("ANY 1 (n3)", new Lsn(50), true, 2001, 100);
        assertEquals(Optional.of(new Lsn(50)), memory.situation(false).standbyNamesSince());
        memory.standbyNamesSeen("ANY 1 (n2)", new Lsn(60), false, 2002, 100);
        memory.standbyNamesSeen("ANY 1 (n2)", new Lsn(70), false, 2102, 100);
        assertEquals(Optional.of(new Lsn(70)), memory.situation(false).standbyNamesSince());
    }

    @Test
    void aMemberThatLeftIsForgottenAfterItsTime() {
        Duration ttl = Duration.ofSeconds(10);
        long second = 1_000_000_000L;
        memory.membersSeen(List.of("n1", "n2"), 0, ttl);
        memory.membersSeen(List.of("n1"), 10 * second, ttl);
        assertEquals(Set.of("n1", "n2"), memory.situation(false).recentMembers());
        memory.membersSeen(List.of("n1"), 10 * second + 1, ttl);
        assertEquals(Set.of("n1"), memory.situation(false).recentMembers());
    }
}
