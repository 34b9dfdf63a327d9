package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Expected;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What a leader puts right in the store, when its own data makes it give the lock up, and when it takes it back. */
class LeaderRepairTest {
    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    @Test
    void aDeletedInitializeKeyIsWrittenAgain() {
        Decision.WriteInitialize write =
                expect(Decision.WriteInitialize.class, Scene.leader().uninitialized());
        assertEquals(Scene.SYSTEM, write.systemIdentifier());
        assertEquals(Expected.absent(), write.expected());
    }

    @Test
    void aNewTimelineGoesIntoTheHistoryOnce() {
        Scene promoted = Scene.leader().postgres(Servers.running(Servers.status(false, 100, 2)));
        assertEquals(2, expect(Decision.WriteHistory.class, promoted).timeline());
        expect(Decision.Wait.class, promoted.history(2));
        // Timeline 1 has no history.
        expect(Decision.Wait.class, Scene.leader());
    }

    @Test
    void anEmptyDataDirectoryReleasesTheLock() {
        assertTrue(expect(Decision.ReleaseLease.class, Scene.leader().postgres(Servers.empty()))
                .because()
                .startsWith("released leader key voluntarily as data dir empty"));
    }

    @Test
    void anUnusableDataDirectoryReleasesTheLockAndIsNotBootstrapped() {
        LocalPostgres unusable = new LocalPostgres(
                LocalPostgres.DataDirectory.UNUSABLE,
                Optional.empty(),
                LocalPostgres.Process.STOPPED,
                Optional.empty(),
                Optional.empty(),
                "permission denied");
        assertTrue(expect(Decision.ReleaseLease.class, Scene.leader().postgres(unusable))
                .because()
                .contains("permission denied"));
        expect(Decision.Wait.class, Scene.of("n2").postgres(unusable));
        expect(Decision.Wait.class, Scene.of("n2").unlocked().postgres(unusable));
    }

    @Test
    void whoSteppedDownTakesTheLockBackIfNobodyElseCanLead() {
        Scene handedOver =
                Scene.of("n1").postgres(Servers.replica(100)).unlocked().asked("n1", "n2");
        expect(Decision.Wait.class, handedOver.answers(Answers.standby("n2", 100), Answers.dead("n3")));
        expect(Decision.AcquireLease.class, handedOver.answers(Answers.dead("n2"), Answers.dead("n3")));
    }
}
