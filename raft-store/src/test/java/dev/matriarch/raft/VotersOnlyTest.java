package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Where the Raft leader counts the others, or chooses one of them, listeners are not meant. */
class VotersOnlyTest {
    private static final Set<String> THREE = Set.of("n1", "n2", "n3");

    @Test
    void aListenerThatAnswersIsNoContactWithTheMajority() {
        assertEquals(900, LeaderContact.majorityMillis(Map.of("n2", 900L, "n3", 1200L, "l1", 5L, "l2", 5L), THREE));
        assertEquals(40, LeaderContact.majorityMillis(Map.of("n2", 40L, "n3", 1200L), THREE));
        assertEquals(0, LeaderContact.majorityMillis(Map.of("l1", 70_000L), Set.of("n1")), "the only voter");
        Set<String> five = Set.of("n1", "n2", "n3", "n4", "n5");
        assertEquals(20, LeaderContact.majorityMillis(Map.of("n2", 10L, "n3", 20L, "n4", 30L, "n5", 40L), five));
    }

    @Test
    void aListenerIsNoHeir() {
        Duration second = Duration.ofSeconds(1);
        assertEquals(Optional.of("n3"), Heir.of(Map.of("l1", 1L, "n2", 30L, "n3", 20L), THREE, second));
        assertEquals(Optional.empty(), Heir.of(Map.of("l1", 1L, "n2", 1000L), THREE, second));
    }
}
