package dev.matriarch.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SightingTest {
    private static final Duration SHORT = Duration.ofSeconds(20);

    private static long at(int second) {
        return Duration.ofSeconds(second).toNanos();
    }

    private static Optional<KubeObject> lock(long version, String leader, String renewed) {
        return Optional.of(new KubeObject(
                "demo",
                version,
                Map.of("leader", leader, "ttl", "30", "acquireTime", "2026-01-01T00:00:00+00:00", "renewTime", renewed),
                Map.of(),
                JsonNodeFactory.instance.objectNode()));
    }

    private static final Sighting OF_N1 = Sighting.NOTHING.then(lock(5, "n1", "a"), at(0));

    @Test
    void aLockIsOverWhenItHasNotBeenRenewedForItsTime() {
        Sighting renewed = OF_N1.then(lock(6, "n1", "b"), at(10));
        assertEquals("n1", renewed.holder(at(39)));
        assertEquals("", renewed.holder(at(40)));
        Sighting touched = renewed.then(lock(7, "n1", "b"), at(20));
        assertTrue(touched.isOver(at(40)), "its object was changed, and the lock was not renewed");
    }

    /** It may have been renewed until the moment before it was missed. */
    @Test
    void aLockThatVanishedGoesOnForItsTimeFromWhenItWasMissed() {
        Sighting vanished = OF_N1.then(Optional.empty(), at(25));
        assertEquals("n1", vanished.holder(at(31)));
        assertEquals("n1", vanished.then(Optional.empty(), at(50)).holder(at(54)));
        assertTrue(vanished.isMissed(at(54), SHORT), "by its own time, that of this cluster is shorter");
        assertEquals("", vanished.holder(at(55)));
        assertFalse(vanished.isMissed(at(55), SHORT));
        assertEquals(OF_N1.epoch(), vanished.epoch(), "the next one is later");
    }

    /** Somebody may have taken it and led since. */
    @Test
    void aLockThatWasFreeOrOverBeforeItVanishedIsSomebodys() {
        Sighting free = Sighting.NOTHING.then(lock(5, "", "a"), at(0));
        for (Sighting vanished :
                new Sighting[] {free.then(Optional.empty(), at(1)), OF_N1.then(Optional.empty(), at(60))}) {
            assertEquals("", vanished.holder(vanished.sinceNanos()));
            assertFalse(vanished.isOver(vanished.sinceNanos() + at(29)));
            assertTrue(vanished.isMissed(vanished.sinceNanos() + at(29), SHORT));
            assertTrue(vanished.isOver(vanished.sinceNanos() + at(30)));
        }
    }

    @Test
    void aLockThatNobodyEverSawIsFree() {
        assertTrue(Sighting.NOTHING.then(Optional.empty(), at(1)).isOver(at(1)));
        assertFalse(Sighting.NOTHING.isMissed(at(1), SHORT));
    }
}
