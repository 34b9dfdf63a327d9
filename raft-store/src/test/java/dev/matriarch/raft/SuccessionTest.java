package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A store is given up only as a person has agreed to it. */
class SuccessionTest {
    private static Recovery found(String... refusals) {
        Recovery.Survivor n3 =
                new Recovery.Survivor("n3-00", "n3", "h3:1", Optional.empty(), 2, 9, OptionalLong.empty());
        return new Recovery(
                "test",
                "old",
                List.of(refusals),
                List.of(n3),
                List.of(new Recovery.Dead("n1-00", "n1", "h1:1"), new Recovery.Dead("n2-00", "n2", "h2:1")),
                Optional.of(n3),
                true,
                List.of(),
                List.of(),
                30_000);
    }

    private static Optional<String> differs(String group, Set<String> survivors, Set<String> dead) {
        return Succession.differs(found(), group, survivors, dead);
    }

    @Test
    void whatIsFoundIsWhatWasAgreedTo() {
        assertEquals(Optional.empty(), differs("old", Set.of("n3-00"), Set.of("n1-00", "n2-00")));
    }

    @Test
    void anotherStoreOrOtherPeersAreNot() {
        assertTrue(differs("other", Set.of("n3-00"), Set.of("n1-00", "n2-00")).isPresent());
        assertTrue(differs("old", Set.of("n3-00", "n2-00"), Set.of("n1-00")).isPresent());
        assertTrue(differs("old", Set.of("n3-00"), Set.of("n1-00")).isPresent(), "one more is dead");
        assertTrue(differs("old", Set.of("n3-01"), Set.of("n1-00", "n2-00")).isPresent(), "a new peer of that name");
    }

    @Test
    void whatIsRefusedIsNeverAgreedTo() {
        assertEquals(
                Optional.of("not lost; too soon"),
                Succession.differs(found("not lost", "too soon"), "old", Set.of("n3-00"), Set.of("n1-00", "n2-00")));
    }
}
