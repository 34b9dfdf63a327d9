package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.Watchdog.State;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class WatchdogDecisionsTest {
    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    private static Scene electedReplica() {
        return Scene.replica().holding(Duration.ofSeconds(4), true);
    }

    private static Scene candidate() {
        return Scene.replica().unlocked().answers(Answers.dead("n1"), Answers.standby("n3", 100));
    }

    @Test
    void nothingIsPromotedBeforeTheWatchdogRuns() {
        expect(Decision.ActivateWatchdog.class, electedReplica().watchdog(true, State.READY));
        expect(Decision.ActivateWatchdog.class, electedReplica().watchdog(false, State.READY));
        expect(Decision.Promote.class, electedReplica().watchdog(true, State.RUNNING));
        expect(Decision.Promote.class, electedReplica().watchdog(false, State.OFF));
    }

    @Test
    void runningPrimaryStartsIt() {
        expect(Decision.ActivateWatchdog.class, Scene.leader().watchdog(true, State.READY));
        expect(Decision.Wait.class, Scene.leader().watchdog(true, State.RUNNING));
    }

    @Test
    void primaryWithoutItsRequiredWatchdogDemotesItself() {
        Decision.Stop stop = expect(Decision.Stop.class, Scene.leader().watchdog(true, State.UNUSABLE));
        assertEquals(Decision.StopMode.IMMEDIATE, stop.mode());
        assertTrue(stop.because().startsWith("Demoting self because watchdog could not be activated"));
    }

    @Test
    void electedReplicaWithoutItsRequiredWatchdogGivesTheLockBack() {
        Decision.ReleaseLease release =
                expect(Decision.ReleaseLease.class, electedReplica().watchdog(true, State.UNUSABLE));
        assertTrue(release.because().startsWith("Not promoting self because watchdog could not be activated"));
        expect(
                Decision.ReleaseLease.class,
                Scene.leader().postgres(Servers.stopped("in production")).watchdog(true, State.UNUSABLE));
    }

    @Test
    void automaticLeadsWithoutOne() {
        expect(Decision.Wait.class, Scene.leader().watchdog(false, State.UNUSABLE));
        expect(Decision.Promote.class, electedReplica().watchdog(false, State.UNUSABLE));
        expect(Decision.AcquireLease.class, candidate().watchdog(false, State.UNUSABLE));
    }

    @Test
    void memberWithoutItsRequiredWatchdogIsNoCandidate() {
        Decision.Wait wait = expect(Decision.Wait.class, candidate().watchdog(true, State.UNUSABLE));
        assertTrue(wait.because().startsWith("Watchdog device is not usable"), wait.because());
        expect(Decision.AcquireLease.class, candidate().watchdog(true, State.READY));
        // Not even if somebody asks for it by name.
        expect(Decision.Wait.class, candidate().asked(null, "n2").watchdog(true, State.UNUSABLE));
    }

    @Test
    void memberWithoutItsRequiredWatchdogCreatesNoCluster() {
        Scene scene = Scene.of("n1").uninitialized().unlocked().postgres(Servers.empty());
        expect(Decision.Wait.class, scene.watchdog(true, State.UNUSABLE));
        expect(Decision.AcquireLease.class, scene.watchdog(true, State.READY));
    }

    @Test
    void pausedClusterAsksForNone() {
        expect(Decision.Wait.class, Scene.leader().paused().watchdog(true, State.UNUSABLE));
        expect(Decision.Wait.class, Scene.leader().paused().watchdog(true, State.READY));
    }
}
