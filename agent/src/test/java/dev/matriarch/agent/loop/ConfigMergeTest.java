package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import dev.matriarch.dcs.Versioned;
import dev.matriarch.rest.ConfigChange;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ConfigMergeTest {
    private static final ConfigChange CONFLICT = new ConfigChange.Conflict(Optional.empty());

    private final List<Long> tried = new ArrayList<>();

    private static Versioned<String> stored(long revision) {
        return new Versioned<>("{}", revision);
    }

    @Test
    void whoWasSecondMergesIntoWhatTheFirstOneWrote() {
        int[] looks = {0};
        ConfigChange outcome = ConfigMerge.merge(
                stored(4),
                // The copy is behind for a moment.
                () -> Optional.of(stored(looks[0]++ < 2 ? 4 : 7)),
                s -> {
                    tried.add(s.revision());
                    return s.revision() == 7 ? new ConfigChange.Done("{}", Optional.empty()) : CONFLICT;
                });
        assertInstanceOf(ConfigChange.Done.class, outcome);
        assertEquals(List.of(4L, 7L), tried);
    }

    @Test
    void whoIsAlwaysSecondIsToldSoInTheEnd() {
        long[] revision = {1};
        ConfigChange outcome = ConfigMerge.merge(stored(1), () -> Optional.of(stored(++revision[0])), s -> {
            tried.add(s.revision());
            return CONFLICT;
        });
        assertEquals(CONFLICT, outcome);
        assertEquals(5, tried.size());
    }

    @Test
    void aCopyThatDoesNotMoveIsNotWaitedForForever() {
        ConfigChange outcome = ConfigMerge.merge(stored(1), () -> Optional.of(stored(1)), s -> {
            tried.add(s.revision());
            return CONFLICT;
        });
        assertEquals(CONFLICT, outcome);
        assertEquals(List.of(1L), tried);
    }
}
