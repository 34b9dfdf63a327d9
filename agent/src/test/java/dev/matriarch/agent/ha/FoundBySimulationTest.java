package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import org.junit.jupiter.api.Test;

/** What the simulator found in the core, each as one decision. */
class FoundBySimulationTest {
    private static void expect(Class<? extends Decision> kind, Scene scene) {
        assertInstanceOf(kind, Decider.decide(scene.observation()));
    }

    /** A standby that still replays its own WAL reports 0: it is no vote for one that may lack what it has. */
    @Test
    void memberThatDoesNotKnowItsPositionIsNoVote() {
        Scene scene = Scene.replica().unlocked().sync("n1", 1, "n2", "n3").answers(Scene.dead("n1"));
        expect(Decision.Wait.class, scene.answers(Scene.dead("n1"), Scene.standby("n3", 0)));
    }

    @Test
    void memberThatDoesNotKnowItsPositionDoesNotStand() {
        expect(
                Decision.Wait.class,
                Scene.of("n2").postgres(Scene.replica(0)).unlocked().answers(Scene.dead("n1"), Scene.dead("n3")));
    }

    /** Before, everybody left the lock to n2, and n2 did not want it. */
    @Test
    void requestedCandidateOutsideTheSynchronousSetHoldsNobodyUp() {
        expect(
                Decision.AcquireLease.class,
                Scene.of("n3")
                        .postgres(Scene.replica(100))
                        .unlocked()
                        .asked("n1", "n2")
                        .sync("n1", 0, "n3")
                        .answers(Scene.dead("n1"), Scene.standby("n2", 100)));
    }

    /** pg_rewind compares numbers and would call it done. */
    @Test
    void timelineNumberThatWasTakenTwiceIsClonedAnewNotRewound() {
        expect(
                Decision.Discard.class,
                Scene.of("n1")
                        .ledBy("n2")
                        .postgres(Scene.stopped("shut down"))
                        .situation(new Memories()
                                .divergence(new Divergence.Found("same number", false))
                                .situation()));
    }
}
