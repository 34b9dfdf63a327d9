package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Measure;
import java.util.List;
import org.junit.jupiter.api.Test;

class DurationsTest {
    private static final long MILLI = 1_000_000;

    private final Durations durations = new Durations();

    @Test
    void eachLiesBelowItsUpperBound() {
        for (long nanos : List.of(0L, MILLI / 2, MILLI / 2 + 1, 3 * MILLI, 1_024 * MILLI, 5_000 * MILLI)) {
            durations.add(nanos);
        }
        Measure.Histogram histogram = durations.histogram("some_seconds", "Some.");
        assertEquals(List.of(0.0005, 0.001, 0.002, 0.004), histogram.bounds().subList(0, 4));
        assertEquals(1.024, histogram.bounds().getLast());
        assertEquals(List.of(2L, 1L, 0L, 1L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 1L, 1L), histogram.counts());
        assertEquals(6.028, histogram.sum(), 0.001);
    }

    @Test
    void quantilesAreThoseOfTheLatest() {
        assertTrue(durations.quantile(0.5).isEmpty());
        for (int i = 0; i < 600; i++) {
            durations.add(1_000 * MILLI);
        }
        for (int i = 0; i < 500; i++) {
            durations.add(i * MILLI);
        }
        assertEquals(256 * MILLI, durations.quantile(0.5).getAsLong(), MILLI);
        assertEquals(1_000 * MILLI, durations.quantile(0.99).getAsLong());
        for (int i = 0; i < 12; i++) {
            durations.add(0);
        }
        assertEquals(494 * MILLI, durations.quantile(0.99).getAsLong(), 10 * MILLI);
    }
}
