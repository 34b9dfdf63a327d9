package dev.matriarch.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Schedules as {@code ./simulate} plays them. */
class SimulatorTest {
    private static void clean(long first, long count) throws InterruptedException {
        Simulate.Totals totals = Simulate.run(first, count, Runtime.getRuntime().availableProcessors());
        assertNull(
                totals.violation(),
                () -> "./simulate --seed " + totals.failedSeed() + " --trace: "
                        + totals.violation().invariant() + ": "
                        + totals.violation().getMessage());
        assertEquals(count, totals.played());
    }

    @Test
    void aFewSchedulesBreakNoPromise() throws InterruptedException {
        clean(1, 60);
    }

    @Test
    @Tag("slow")
    void twentyThousandSchedulesBreakNoPromise() throws InterruptedException {
        clean(1, 20_000);
    }

    @Test
    void oneSeedIsOneSchedule() {
        assertEquals(Schedule.play(7, false), Schedule.play(7, false));
    }
}
