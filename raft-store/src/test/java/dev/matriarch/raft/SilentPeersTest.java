package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SilentPeersTest {
    private final SilentPeers silent = new SilentPeers(5000);

    @Test
    void whoIsSilentForTheWholePatienceGetsNewConnections() {
        assertEquals(Set.of(), silent.step(Map.of("a", 10L, "b", 4999L), 0));
        assertEquals(Set.of("b"), silent.step(Map.of("a", 10L, "b", 5000L), 1));
        assertEquals(Set.of("a"), silent.step(Map.of("a", Long.MAX_VALUE), 2), "one that was never heard of");
    }

    @Test
    void newConnectionsAreGivenTheSameTime() {
        assertEquals(Set.of("a"), silent.step(Map.of("a", 5000L), 1000));
        assertEquals(Set.of(), silent.step(Map.of("a", 9999L), 5999));
        assertEquals(Set.of("a"), silent.step(Map.of("a", 10_000L), 6000));
    }

    @Test
    void whoWasHeardOfInBetweenBeginsAnew() {
        assertEquals(Set.of("a"), silent.step(Map.of("a", 5000L), 1000));
        assertEquals(Set.of(), silent.step(Map.of("a", 100L), 2000));
        assertEquals(Set.of("a"), silent.step(Map.of("a", 5000L), 3000));
        assertEquals(Set.of(), silent.step(Map.of(), 3500), "no member any more");
        assertEquals(Set.of("a"), silent.step(Map.of("a", 5000L), 4000));
    }
}
