package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;

/** When a member makes itself a replica, and when it lets be. */
class ReplicaDecisionsTest {
    private static <T extends Decision> T expect(Class<T> type, Scene scene) {
        return assertInstanceOf(type, scene.decide());
    }

    private static LocalPostgres partial() {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.PARTIAL_COPY,
                Optional.empty(),
                LocalPostgres.Process.STOPPED,
                Optional.empty(),
                Optional.empty(),
                "not finished");
    }

    private static Situation held() {
        return new Memories().wishes(Wishes.NONE.withCloneHeld(true)).situation();
    }

    @Test
    void aCopyThatDidNotFinishIsBegunAgain() {
        assertEquals(
                "n1",
                expect(Decision.Clone.class, Scene.of("n2").postgres(partial()))
                        .from()
                        .member());
    }

    @Test
    void withoutLeaderTheArchiveIsAskedIfAMethodCan() {
        Decision.Wait wait =
                expect(Decision.Wait.class, Scene.of("n2").unlocked().postgres(Scene.empty()));
        assertTrue(wait.because().contains("waiting for leader to bootstrap"), wait.because());
        for (LocalPostgres nothing : new LocalPostgres[] {Scene.empty(), partial()}) {
            Decision.CloneWithoutLeader clone = expect(
                    Decision.CloneWithoutLeader.class,
                    Scene.of("n2").unlocked().cloneWithoutLeader().postgres(nothing));
            assertEquals("trying to bootstrap (without leader)", clone.because());
        }
        // Before there is a cluster there is nothing to take from an archive.
        expect(
                Decision.AcquireLease.class,
                Scene.of("n2").unlocked().uninitialized().cloneWithoutLeader().postgres(Scene.empty()));
        expect(Decision.Wait.class, Scene.of("n2").unlocked().uninitialized().postgres(partial()));
        // With a leader it is the source.
        expect(Decision.Clone.class, Scene.of("n2").cloneWithoutLeader().postgres(Scene.empty()));
    }

    @Test
    void anOperatorsCancelEndsTheCopyAndHoldsTheNextUntilAReinit() {
        expect(
                Decision.Cancel.class,
                Scene.of("n2").postgres(Scene.empty()).busy(Task.Kind.CLONE).situation(held()));
        Decision.Wait wait =
                expect(Decision.Wait.class, Scene.of("n2").postgres(partial()).situation(held()));
        assertTrue(wait.because().contains("cancelled by an operator"), wait.because());
        expect(
                Decision.Discard.class,
                Scene.of("n2").postgres(partial()).situation(held()).order(new Order.Reinitialize()));
        // Other work is not what was cancelled.
        expect(
                Decision.Wait.class,
                Scene.of("n2")
                        .postgres(Scene.stopped("shut down"))
                        .busy(Task.Kind.REWIND)
                        .situation(held()));
    }

    @Test
    void whatALeaderFindsHalfCopiedIsNoDataToLeadWith() {
        expect(Decision.ReleaseLease.class, Scene.leader().postgres(partial()));
    }
}
