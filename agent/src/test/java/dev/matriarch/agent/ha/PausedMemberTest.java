package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import org.junit.jupiter.api.Test;

/** What a paused member leaves alone, and what it still does. */
class PausedMemberTest {
    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    @Test
    void nothingIsPromotedOrStartedWhenThePrimaryIsGone() {
        expect(Decision.Wait.class, Scene.replica().unlocked().paused().answers(Scene.dead("n1"), Scene.dead("n3")));
        assertEquals(
                "removed leader lock because postgres is not running",
                expect(Decision.ReleaseLease.class, Scene.leader().paused().postgres(Scene.stopped("in production")))
                        .because());
        for (Scene gone : new Scene[] {Scene.of("n1").unlocked(), Scene.of("n1").ledBy("n2")}) {
            assertEquals(
                    "postgres is not running",
                    expect(Decision.Wait.class, gone.paused().postgres(Scene.stopped("in production")))
                            .because());
        }
    }

    @Test
    void anAgentThatEndsLeavesTheServerAndTheLock() {
        Decision.Exit exit = expect(Decision.Exit.class, Scene.leader().paused().order(new Order.Shutdown()));
        assertEquals(0, exit.code());
        assertEquals("Leader key is not deleted and Postgresql is not stopped due paused state", exit.because());
    }

    @Test
    void aManuallyPromotedServerIsLeftAloneUntilThePauseEnds() {
        assertEquals(
                "continue to run as primary without lock",
                expect(Decision.Wait.class, Scene.of("n2").ledBy("n1").paused()).because());
        assertEquals(
                Decision.StopMode.IMMEDIATE,
                expect(Decision.Stop.class, Scene.of("n2").ledBy("n1")).mode());
        // Stopped, it is compared with the leader before it comes back.
        expect(Decision.CheckDivergence.class, Scene.of("n2").ledBy("n1").postgres(Scene.stopped("shut down")));
    }

    @Test
    void membersAreStillReinitializedRestartedAndCloned() {
        expect(Decision.Stop.class, Scene.replica().paused().order(new Order.Reinitialize()));
        expect(
                Decision.Discard.class,
                Scene.of("n2")
                        .paused()
                        .postgres(Scene.stopped("shut down in recovery"))
                        .order(new Order.Reinitialize()));
        expect(Decision.Clone.class, Scene.of("n4").paused().postgres(Scene.empty()));
    }

    @Test
    void onlyANamedMemberTakesOver() {
        expect(
                Decision.AcquireLease.class,
                Scene.replica()
                        .unlocked()
                        .paused()
                        .asked("n1", "n2")
                        .answers(Scene.standby("n1", 100), Scene.standby("n3", 100)));
        expect(
                Decision.WriteFailover.class,
                Scene.leader().paused().asked("n1", null).answers(Scene.standby("n2", 100)));
    }
}
