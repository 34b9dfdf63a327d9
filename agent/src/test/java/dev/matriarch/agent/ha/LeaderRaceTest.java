package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Lsn;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** Who may take a free lock. */
class LeaderRaceTest {
    private static final long SECOND = 1_000_000_000L;

    private static void stands(Scene scene) {
        Decision decision = scene.decide();
        assertInstanceOf(Decision.AcquireLease.class, decision, decision::toString);
    }

    private static void standsBack(Scene scene, String because) {
        Decision decision = scene.decide();
        assertInstanceOf(Decision.Wait.class, decision, decision::toString);
        assertTrue(decision.because().contains(because), decision::because);
    }

    private static Scene free() {
        return Scene.replica().unlocked();
    }

    private static Survey.Answer standby(String name, long lsn, boolean nofailover, int priority) {
        return new Survey.Answer(name, true, true, true, new Lsn(lsn), 1, nofailover, priority);
    }

    @Test
    void theMemberWithTheMostWalStandsAndTheOtherStandsBack() {
        standsBack(free().answers(Answers.dead("n1"), Answers.standby("n3", 101)), "n3 is ahead of me");
        stands(free().answers(Answers.dead("n1"), Answers.standby("n3", 99)));
    }

    @Test
    void whoLacksVotesSaysHowManyItNeeds() {
        Scene both = free().answers(Answers.dead("n1"), Answers.dead("n3"));
        standsBack(both.sync("n1", 1, "n2", "n3"), "I have 0 of the 1 votes that synchronous replication asks for");
        standsBack(
                both.sync("n1", 0, "n3"),
                "I was not a synchronous standby of n1, and so need 1 votes of those who were; I have 0");
        standsBack(
                free().sync("n1", 1, "n3", "n4").answers(Answers.dead("n1"), Answers.standby("n3", 90)),
                "I was not a synchronous standby of n1, and so need 2 votes of those who were; I have 1");
    }

    @Test
    void whoLedLastNeedsNoVotesUnlessSomebodyIsAhead() {
        Scene lastLeader =
                Scene.of("n1").postgres(Servers.replica(100)).unlocked().sync("n1", 1, "n2", "n3");
        stands(lastLeader.answers(Answers.dead("n2"), Answers.dead("n3")));
        standsBack(lastLeader.answers(Answers.dead("n2"), Answers.standby("n3", 101)), "n3 is ahead of me");
    }

    @Test
    void lagIsMeasuredAgainstThePublishedPositionAndTheLimitItselfIsAllowed() {
        long limit = 1_048_576;
        stands(free().optime(100 + limit).answers(Answers.dead("n1"), Answers.dead("n3")));
        standsBack(
                free().optime(101 + limit).answers(Answers.dead("n1"), Answers.dead("n3")),
                "My wal position exceeds maximum replication lag");
    }

    @Test
    void anOlderTimelineStandsBackOnlyIfCheckTimelineIsOn() {
        Scene scene = free().history(2).answers(Answers.dead("n1"), Answers.dead("n3"));
        stands(scene);
        standsBack(scene.checkTimeline(), "My timeline 1 is behind last known cluster timeline 2");
    }

    /** An operator's failover may have made it leader over that timeline; nobody else may lead then. */
    @Test
    void whoLedLastIsNotBarredByItsTimeline() {
        Scene scene = Scene.election("n2", Settings.Synchronous.Mode.ON, "n2")
                .history(2)
                .checkTimeline();
        stands(scene);
    }

    @Test
    void aLivingPrimaryVetoesWhateverItsPosition() {
        Survey.Answer alive = new Survey.Answer("n1", true, true, false, new Lsn(1), 1, false, 1);
        standsBack(free().answers(alive, Answers.standby("n3", 1)), "Primary (n1) is still alive");
    }

    @Test
    void anUnreachableMemberHasNeitherVoteNorVeto() {
        stands(free().answers(Answers.dead("n1"), Answers.dead("n3")));
    }

    @Test
    void higherPriorityGoesFirstAmongEqualsOnly() {
        standsBack(free().answers(Answers.dead("n1"), standby("n3", 100, false, 2)), "n3 is ahead of me");
        stands(free().answers(Answers.dead("n1"), standby("n3", 99, false, 2)));
        stands(free().tagged(Map.of("failover_priority", 2)).answers(Answers.dead("n1"), standby("n3", 100, false, 1)));
        standsBack(
                free().tagged(Map.of("failover_priority", 2)).answers(Answers.dead("n1"), standby("n3", 101, false, 1)),
                "n3 is ahead of me");
    }

    @Test
    void nofailoverAndPriorityZeroAreTheSame() {
        for (Map<String, Object> tags :
                java.util.List.<Map<String, Object>>of(Map.of("nofailover", true), Map.of("failover_priority", 0))) {
            standsBack(
                    free().tagged(tags).answers(Answers.dead("n1"), Answers.dead("n3")), "I am not allowed to promote");
        }
    }

    @Test
    void aNofailoverMemberThatIsAheadHoldsNobodyBack() {
        stands(free().answers(Answers.dead("n1"), standby("n3", 200, true, 1)));
    }

    @Test
    void noRaceWhileWalKeepsArrivingInsideTheWindow() {
        Scene scene = free().raceBackoff(Duration.ofSeconds(10)).answers(Answers.dead("n1"), Answers.dead("n3"));
        String wait = "My (n2) wal position moved since last heart beat loop, ";
        // Free for 4 s, something came half a second ago.
        standsBack(scene.situation(flow(4 * SECOND, SECOND / 2)), wait + "7 seconds until leader race");
        // Just free: whether anything comes can only be said after a loop_wait.
        standsBack(scene.situation(flow(SECOND / 2, 100 * SECOND)), wait);
        // Nothing for more than a loop_wait.
        stands(scene.situation(flow(4 * SECOND, 2 * SECOND)));
        // The window is over, although WAL still comes.
        stands(scene.situation(flow(11 * SECOND, SECOND / 2)));
        // Switched off, the default.
        stands(scene.raceBackoff(Duration.ZERO).situation(flow(4 * SECOND, SECOND / 2)));
    }

    @Test
    void aRequestedFailoverDoesNotWaitForTheWindow() {
        stands(free().asked(null, "n2")
                .raceBackoff(Duration.ofSeconds(10))
                .situation(flow(4 * SECOND, SECOND / 2))
                .answers(Answers.dead("n1"), Answers.dead("n3")));
    }

    private static Situation flow(long freeFor, long movedAgo) {
        return new Memories()
                .walFlow(new WalFlow(OptionalLong.of(Scene.NOW - freeFor), OptionalLong.of(Scene.NOW - movedAgo)))
                .situation();
    }

    @Test
    void aFormerPrimaryNeverTakesTheFreeLockByItself() {
        assertInstanceOf(
                Decision.Stop.class, Scene.of("n1").unlocked().history(2).decide());
        assertInstanceOf(Decision.Stop.class, Scene.of("n1").unlocked().decide());
    }

    @Test
    void inPauseAFormerPrimaryOfAnOlderTimelineDoesNotTakeTheFreeLock() {
        assertEquals(
                "continue to run as primary without lock",
                Scene.of("n1").unlocked().paused().history(2).decide().because());
        stands(Scene.of("n1").unlocked().paused().history(1));
    }
}
