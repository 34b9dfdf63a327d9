package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PoliteLeaveTest {
    private static Scene ordered(Order order, Duration ago, String... voters) {
        return Scene.replica()
                .sync("n1", 0, voters)
                .order(order)
                .situation(new Memories().following("n1").orderedBefore(ago).situation());
    }

    @Test
    void synchronousStandbyWaitsToBeReleasedBeforeItStops() {
        for (Order order : List.of(new Order.Restart(), new Order.Reinitialize(), new Order.Shutdown())) {
            Decision waiting =
                    ordered(order, Duration.ofMillis(1900), "n2", "n3").decide();
            assertEquals("Waiting for primary to release us from synchronous standby", waiting.because());
        }
    }

    @Test
    void itGoesOnOnceItIsReleasedOrTheTimeIsUp() {
        assertInstanceOf(
                Decision.Restart.class,
                ordered(new Order.Restart(), Duration.ZERO, "n3").decide());
        assertInstanceOf(
                Decision.Stop.class,
                ordered(new Order.Reinitialize(), Duration.ofMillis(2100), "n2").decide());
        assertInstanceOf(
                Decision.Stop.class,
                ordered(new Order.Shutdown(), Duration.ZERO, "n2").unlocked().decide());
        // PostgreSQL stays as it is.
        assertInstanceOf(
                Decision.Exit.class,
                ordered(new Order.Shutdown(), Duration.ZERO, "n2").paused().decide());
    }

    @Test
    void itPublishesThatNobodyShouldWaitForIt() {
        assertEquals(
                Map.of("nosync", true, "sync_priority", 0, "clonefrom", true),
                PoliteLeave.tags(Map.of("clonefrom", true, "sync_priority", 7)));
    }
}
