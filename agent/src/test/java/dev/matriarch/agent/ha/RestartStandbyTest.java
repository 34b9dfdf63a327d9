package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import org.junit.jupiter.api.Test;

/** A restart that the agent asks for itself, because a standby goes by somebody else's settings. */
class RestartStandbyTest {
    private static final Order ORDER = new Order.RestartStandby("settings were changed");

    @Test
    void aStandbyIsRestarted() {
        Decision.Restart restart = assertInstanceOf(
                Decision.Restart.class, Scene.replica().order(ORDER).decide());
        assertFalse(restart.asPrimary());
        assertEquals("settings were changed", restart.because());
    }

    @Test
    void whoLeadsOrIsAboutToIsNot() {
        assertFalse(Scene.leader().order(ORDER).decide() instanceof Decision.Restart);
        assertFalse(Scene.leader().postgres(Servers.replica(100)).order(ORDER).decide() instanceof Decision.Restart);
    }

    @Test
    void nothingIsRestartedWhileAnOperatorIsAtWork() {
        assertFalse(Scene.replica().paused().order(ORDER).decide() instanceof Decision.Restart);
    }
}
