package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What the simulator found in the core, each as one decision. */
class FoundBySimulationTest {
    private static void expect(Class<? extends Decision> kind, Scene scene) {
        assertInstanceOf(kind, Decider.decide(scene.observation()));
    }

    /** A standby that still replays its own WAL reports 0: it is no vote for one that may lack what it has. */
    @Test
    void memberThatDoesNotKnowItsPositionIsNoVote() {
        Scene scene = Scene.replica().unlocked().sync("n1", 1, "n2", "n3").answers(Answers.dead("n1"));
        expect(Decision.Wait.class, scene.answers(Answers.dead("n1"), Answers.standby("n3", 0)));
    }

    @Test
    void memberThatDoesNotKnowItsPositionDoesNotStand() {
        expect(
                Decision.Wait.class,
                Scene.of("n2").postgres(Servers.replica(0)).unlocked().answers(Answers.dead("n1"), Answers.dead("n3")));
    }

    /** Before, everybody left the lock to n2, and n2 did not want it. */
    @Test
    void requestedCandidateOutsideTheSynchronousSetHoldsNobodyUp() {
        expect(
                Decision.AcquireLease.class,
                Scene.of("n3")
                        .postgres(Servers.replica(100))
                        .unlocked()
                        .asked("n1", "n2")
                        .sync("n1", 0, "n3")
                        .answers(Answers.dead("n1"), Answers.standby("n2", 100)));
    }

    /** The candidate did not want the lock and the former leader, alone in the synchronous set, left it to the candidate. */
    @Test
    void formerLeaderDoesNotWaitForACandidateOutsideTheSynchronousSet() {
        expect(Decision.AcquireLease.class, afterSwitchover("n3").sync("n1", 0));
        expect(Decision.Wait.class, afterSwitchover("n3").sync("n1", 0, "n3"));
        // A commit may be on the candidate's side only: then it has more, and the former leader does not lead.
        expect(
                Decision.Wait.class,
                afterSwitchover("n3").sync("n1", 0).answers(Answers.dead("n2"), Answers.standby("n3", 101)));
    }

    @Test
    void formerLeaderDoesNotWaitForACandidateThatLacksTheVotes() {
        for (String candidate : new String[] {"n3", null}) {
            expect(Decision.AcquireLease.class, afterSwitchover(candidate).sync("n1", 2, "n2", "n3", "n4"));
            // Its own answer is a vote for n3.
            expect(Decision.Wait.class, afterSwitchover(candidate).sync("n1", 1, "n2", "n3"));
        }
    }

    private static Scene afterSwitchover(String candidate) {
        return Scene.of("n1")
                .postgres(Servers.replica(100))
                .unlocked()
                .asked("n1", candidate)
                .answers(Answers.dead("n2"), Answers.standby("n3", 100));
    }

    /** pg_rewind compares numbers and would call it done. */
    @Test
    void timelineNumberThatWasTakenTwiceIsClonedAnewNotRewound() {
        expect(
                Decision.Discard.class,
                Scene.of("n1")
                        .ledBy("n2")
                        .postgres(Servers.stopped("shut down"))
                        .situation(new Memories()
                                .divergence(new Divergence.Found("same number", false))
                                .situation()));
    }

    /** It may not take the lock, and all others left the lock to it for ever. */
    @Test
    void memberThatFailsafeModeKeepsFromRacingHoldsNobodyUp() {
        expect(
                Decision.AcquireLease.class,
                Scene.replica()
                        .failsafe("n1", "n2")
                        .unlocked()
                        .answers(Answers.dead("n1"), Answers.standby("n3", 200)));
        expect(
                Decision.AcquireLease.class,
                Scene.replica()
                        .failsafe("n1", "n2")
                        .unlocked()
                        .asked("n1", "n3")
                        .answers(Answers.dead("n1"), Answers.standby("n3", 100)));
        expect(
                Decision.Wait.class,
                Scene.replica()
                        .failsafe("n1", "n2", "n3")
                        .unlocked()
                        .answers(Answers.dead("n1"), Answers.standby("n3", 200)));
    }

    @Test
    void serverThatIsStillStartingIsNotStoppedInAPause() {
        Situation late = new Memories().downFor(Duration.ofSeconds(400)).situation();
        LocalPostgres starting = new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                Optional.of(Scene.SYSTEM),
                LocalPostgres.Process.STARTING,
                Optional.empty(),
                Optional.empty(),
                "");
        expect(Decision.AskPeers.class, Scene.leader().postgres(starting).situation(late));
        expect(
                Decision.Wait.class,
                Scene.leader().postgres(starting).situation(late).paused());
    }

    /** The only member waited for ever for somebody else to create the cluster. */
    @Test
    void onlyMemberFinishesTheCreationThatItBegan() {
        Scene alone = Scene.of("n1").without("n2").without("n3").initialize("");
        expect(
                Decision.AcquireLease.class,
                alone.postgres(Servers.replica(100)).following("n1").unlocked().answers());
        expect(
                Decision.Bootstrap.class,
                Scene.leader().initialize("").without("n2").without("n3"));
        expect(
                Decision.WriteInitialize.class,
                Scene.leader()
                        .initialize("")
                        .situation(new Memories().bootstrapped().situation()));
    }
}
