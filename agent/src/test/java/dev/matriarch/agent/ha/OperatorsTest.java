package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.FailoverRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

/** What operators ask for: switchover, failover, restart, reinitialize. The scene's loop_wait is one second. */
class OperatorsTest {
    private static final Instant NOW = Scene.WALL_CLOCK;
    private static final Survey.Answer FAR_BEHIND = Answers.standby("n2", 1);

    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    private static void says(String sentence, Decision decision) {
        assertTrue(decision.because().startsWith(sentence), decision.because());
    }

    private static Scene answered(Scene scene) {
        return scene.answers(Answers.standby("n2", 100), Answers.standby("n3", 100));
    }

    // --- Scheduled switchover ---

    @Test
    void scheduledSwitchoverWaitsForItsTime() {
        Decision.Wait far =
                expect(Decision.Wait.class, answered(Scene.leader().asked("n1", "n2", NOW.plusSeconds(60))));
        assertEquals(
                "no action. I am (n1), the leader with the lock. Awaiting switchover at 2026-01-01T00:01:00Z",
                far.because());
        assertEquals(Optional.empty(), far.atMost());
        Decision.Wait near =
                expect(Decision.Wait.class, answered(Scene.leader().asked("n1", "n2", NOW.plusMillis(300))));
        assertTrue(near.because().endsWith("Awaiting switchover at 2026-01-01T00:00:00.300Z (in 0 seconds)"));
        assertEquals(Optional.of(Duration.ofMillis(300)), near.atMost());
    }

    @Test
    void scheduledSwitchoverHappensAtItsTimeOrALittleLater() {
        for (long late : new long[] {0, 700, 1_500}) {
            Decision.WriteFailover due = expect(
                    Decision.WriteFailover.class, answered(Scene.leader().asked("n1", "n2", NOW.minusMillis(late))));
            // Those who race heed a request without a time only.
            assertEquals(
                    Optional.of(new FailoverRequest(Optional.of("n1"), Optional.of("n2"), Optional.empty())),
                    due.request());
        }
        Decision.Stop stop = expect(Decision.Stop.class, answered(Scene.leader().asked("n1", "n2")));
        assertEquals("switchover: demoting myself", stop.because());
        assertTrue(stop.handOver());
        assertEquals(Decision.StopMode.GRACEFUL, stop.mode());
    }

    @Test
    void overdueSwitchoverIsRemoved() {
        Decision.WriteFailover cleared = expect(
                Decision.WriteFailover.class, answered(Scene.leader().asked("n1", "n2", NOW.minusMillis(1_501))));
        assertEquals(Optional.empty(), cleared.request());
        says("Found a stale switchover value, cleaning up", cleared);
    }

    @Test
    void nothingScheduledHappensInPause() {
        Decision decision =
                expect(Decision.Wait.class, answered(Scene.leader().paused().asked("n1", "n2", NOW)));
        assertEquals("no action. I am (n1), the leader with the lock", decision.because());
        expect(Decision.Wait.class, answered(Scene.leader().paused().asked("n1", "n2", NOW.minusSeconds(60))));
        expect(
                Decision.Wait.class,
                Scene.leader()
                        .paused()
                        .situation(restartAt(NOW, RestartFilter.NONE).situation()));
    }

    @Test
    void scheduledSwitchoverOfALeaderThatIsGoneConcernsNobodyInTheRace() {
        expect(
                Decision.AcquireLease.class,
                Scene.replica()
                        .unlocked()
                        .asked("n1", "n3", NOW.plusSeconds(60))
                        .answers(Answers.dead("n1"), Answers.standby("n3", 100)));
    }

    // --- The failover key, read by the leader ---

    @Test
    void requestsThatCannotBeMeantAreRemoved() {
        Map.of(
                        "leader name does not match: n3 != n1", Scene.leader().asked("n3", "n2"),
                        "I am already the leader, no need to switchover",
                                Scene.leader().asked("n1", "n1"),
                        "I am already the leader, no need to manual failover",
                                Scene.leader().asked(null, "n1"),
                        "switchover is possible only to a specific candidate in a paused state",
                                Scene.leader().paused().asked("n1", null))
                .forEach((sentence, scene) -> assertEquals(
                        sentence,
                        expect(Decision.WriteFailover.class, answered(scene)).because()));
    }

    @Test
    void leaderLooksForACandidateBeforeItStops() {
        expect(Decision.AskPeers.class, Scene.leader().asked("n1", null));
        for (Scene nobody : new Scene[] {
            Scene.leader().asked("n1", null).answers(Answers.dead("n2"), Answers.dead("n3")),
            Scene.leader().asked("n1", "n2").answers(Answers.dead("n2"), Answers.standby("n3", 100)),
            Scene.leader().optime(2_000_000).asked("n1", "n2").answers(FAR_BEHIND, Answers.dead("n3"))
        }) {
            Decision.WriteFailover refused = expect(Decision.WriteFailover.class, nobody);
            assertEquals(Optional.empty(), refused.request());
            says("no healthy members found, switchover is not possible", refused);
        }
    }

    @Test
    void manualFailoverHandsOverToTheCandidate() {
        assertEquals(
                "manual failover: demoting myself",
                expect(Decision.Stop.class, answered(Scene.leader().asked(null, "n2")))
                        .because());
    }

    @Test
    void manualFailoverMayTakeAnAsynchronousMember() {
        expect(Decision.Stop.class, answered(Scene.leader().sync("n1", 1, "n3").asked(null, "n2")));
    }

    // --- The failover key while nobody leads ---

    @Test
    void manualFailoverWithoutLeaderTakesTheCandidateWhateverItLacks() {
        Scene candidate = Scene.replica()
                .unlocked()
                .optime(5_000_000)
                .asked(null, "n2")
                .answers(Answers.dead("n1"), Answers.standby("n3", 200));
        expect(Decision.AcquireLease.class, candidate);
        Scene other = Scene.of("n3")
                .postgres(Servers.replica(200))
                .following("n1")
                .unlocked()
                .asked(null, "n2")
                .answers(Answers.dead("n1"), Answers.standby("n2", 100));
        says("the requested candidate is n2", expect(Decision.Wait.class, other));
    }

    @Test
    void formerLeaderTakesBackIfNobodyHasAllItHas() {
        Scene former = Scene.of("n1")
                .postgres(Servers.replica(100))
                .following("n2")
                .unlocked()
                .asked("n1", "n2");
        expect(Decision.AcquireLease.class, former.answers(Answers.dead("n2"), Answers.dead("n3")));
        expect(Decision.AcquireLease.class, former.answers(Answers.dead("n2"), Answers.standby("n3", 99)));
        says(
                "I stepped down for another leader",
                expect(Decision.Wait.class, former.answers(Answers.dead("n2"), Answers.standby("n3", 100))));
    }

    @Test
    void anotherMemberTakesThePlaceOfADeadCandidate() {
        Scene third = Scene.of("n3")
                .postgres(Servers.replica(100))
                .following("n1")
                .unlocked()
                .asked("n1", "n2");
        expect(Decision.AcquireLease.class, third.answers(Answers.standby("n1", 100), Answers.dead("n2")));
        expect(Decision.Wait.class, third.answers(Answers.standby("n1", 101), Answers.dead("n2")));
    }

    @Test
    void whoWinsTheLockRemovesTheKeyBeforeItPromotes() {
        Scene winner = Scene.leader().postgres(Servers.replica(100));
        for (Scene scene : new Scene[] {winner.asked("n3", "n1"), winner.asked("n1", "n2"), winner.asked(null, "n1")}) {
            Decision.WriteFailover cleared = expect(Decision.WriteFailover.class, scene);
            assertEquals(Optional.empty(), cleared.request());
            assertEquals("Cleaning up failover key after acquiring leader lock...", cleared.because());
        }
        expect(Decision.Promote.class, winner.asked("n1", "n2", NOW.plusSeconds(60)));
    }

    @Test
    void inPauseTheKeyKeepsTheCandidateUntilItIsPrimary() {
        Scene winner = Scene.leader().postgres(Servers.replica(100)).paused();
        Decision.WriteFailover shorter = expect(Decision.WriteFailover.class, winner.asked("n2", "n1"));
        assertEquals(Optional.empty(), shorter.request().orElseThrow().leader());
        assertEquals(Optional.of("n1"), shorter.request().orElseThrow().candidate());
        expect(Decision.Promote.class, winner.asked(null, "n1"));
    }

    // --- Restart ---

    private static Memories restartAt(Instant at, RestartFilter filter) {
        return new Memories()
                .wishes(Wishes.NONE.withRestart(Optional.of(
                        new ScheduledRestart(at, filter, Optional.of(Duration.ofSeconds(7)), "2026-01-01"))));
    }

    @Test
    void scheduledRestartRunsAtItsTimeOnLeaderAndReplica() {
        Decision.Restart leader = expect(
                Decision.Restart.class,
                Scene.leader().situation(restartAt(NOW, RestartFilter.NONE).situation()));
        assertTrue(leader.asPrimary());
        assertEquals(Optional.of(Duration.ofSeconds(7)), leader.timeout());
        Decision.Restart replica = expect(
                Decision.Restart.class,
                Scene.replica()
                        .situation(restartAt(NOW.minusMillis(900), RestartFilter.NONE)
                                .following("n1")
                                .situation()));
        assertFalse(replica.asPrimary());
        Decision.Wait wait = expect(
                Decision.Wait.class,
                Scene.leader()
                        .situation(restartAt(NOW.plusMillis(200), RestartFilter.NONE)
                                .situation()));
        assertEquals(Optional.of(Duration.ofMillis(200)), wait.atMost());
    }

    @Test
    void scheduledRestartIsVoidOnceItHappenedOtherwiseOrItsTimeIsOver() {
        says(
                "Found a stale restart value",
                expect(
                        Decision.DropScheduledRestart.class,
                        Scene.leader()
                                .situation(restartAt(NOW.minusSeconds(2), RestartFilter.NONE)
                                        .situation())));
        ScheduledRestart other =
                new ScheduledRestart(NOW.plusSeconds(60), RestartFilter.NONE, Optional.empty(), "2025-12-31");
        says(
                "Cancelling the scheduled restart",
                expect(
                        Decision.DropScheduledRestart.class,
                        Scene.leader()
                                .situation(new Memories()
                                        .wishes(Wishes.NONE.withRestart(Optional.of(other)))
                                        .situation())));
    }

    @Test
    void filtersAreLookedAtAgainWhenTheTimeHasCome() {
        RestartFilter pending = new RestartFilter(Optional.empty(), OptionalInt.empty(), true);
        says(
                "The scheduled restart is not carried out: no parameter waits for a restart",
                expect(
                        Decision.DropScheduledRestart.class,
                        Scene.leader().situation(restartAt(NOW, pending).situation())));
    }

    @Test
    void filtersSayWhyTheyDoNotMatch() {
        LocalPostgres primary = Servers.primary(100);
        RestartFilter any = RestartFilter.NONE;
        assertEquals(Optional.empty(), any.objection(primary, true));
        assertEquals(
                Optional.of("the role is primary, not replica"),
                new RestartFilter(Optional.of("replica"), OptionalInt.empty(), false).objection(primary, true));
        assertEquals(
                Optional.of("PostgreSQL runs version 15.0, which is not lower than 14.3"),
                new RestartFilter(Optional.empty(), OptionalInt.of(140_003), false).objection(primary, true));
        assertEquals(
                Optional.empty(),
                new RestartFilter(Optional.of("primary"), OptionalInt.of(150_001), false).objection(primary, true));
        assertEquals("9.5.2", RestartFilter.versionText(90_502));
    }

    @Test
    void restartTimeoutReplacesTheStartTimeout() {
        Decision.Restart restart = expect(
                Decision.Restart.class, Scene.leader().order(new Order.Restart(Optional.of(Duration.ofSeconds(9)))));
        assertEquals(Optional.of(Duration.ofSeconds(9)), restart.timeout());
    }

    @Test
    void primaryWithoutLockIsRestartedOnlyInPause() {
        Order restart = new Order.Restart(Optional.empty());
        expect(Decision.Stop.class, Scene.of("n1").ledBy("n2").order(restart));
        assertTrue(expect(
                        Decision.Restart.class,
                        Scene.of("n1").ledBy("n2").paused().order(restart))
                .asPrimary());
    }

    // --- Reinitialize ---

    private static Order reinit(boolean force) {
        return new Order.Reinitialize(force, false);
    }

    @Test
    void reinitializeStopsAndDiscardsAReplica() {
        expect(Decision.Stop.class, Scene.replica().order(reinit(false)));
        expect(
                Decision.Discard.class,
                Scene.replica().postgres(Servers.stopped("shut down")).order(reinit(false)));
        expect(
                Decision.Discard.class,
                Scene.replica().paused().postgres(Servers.stopped("shut down")).order(reinit(false)));
    }

    /** What is here may be the only copy of something until then. */
    @Test
    void reinitializeWaitsUntilTheLeaderRunsAsPrimary() {
        expect(
                Decision.Wait.class,
                Scene.replica()
                        .memberState("n1", "starting")
                        .postgres(Servers.stopped("shut down"))
                        .order(reinit(true)));
    }

    @Test
    void reinitializeIsNotForLeadersAndNotWithoutOne() {
        expect(Decision.Wait.class, Scene.leader().order(reinit(true)));
        Decision unlocked = Scene.replica().unlocked().order(reinit(true)).decide();
        assertInstanceOf(Decision.AskPeers.class, unlocked);
    }

    @Test
    void onlyForceCutsWhatIsGoingOn() {
        expect(Decision.Wait.class, Scene.replica().busy(Task.Kind.CLONE).order(reinit(false)));
        expect(Decision.Cancel.class, Scene.replica().busy(Task.Kind.CLONE).order(reinit(true)));
        expect(Decision.Wait.class, Scene.leader().busy(Task.Kind.RESTART).order(reinit(true)));
    }

    @Test
    void emptyDirectoryIsClonedAgainFromTheLeaderIfThatWasAsked() {
        Decision.Clone clone = expect(
                Decision.Clone.class,
                Scene.replica()
                        .ledBy("n1")
                        .postgres(Servers.empty())
                        .situation(new Memories()
                                .wishes(Wishes.NONE.withCloneFromLeader(true))
                                .situation()));
        assertEquals("n1", clone.from().member());
    }

    // --- A deadline that a window keeps ---

    @Test
    void windowIsFromTheTimeToOneAndAHalfHeartbeatsLater() {
        Duration loop = Duration.ofSeconds(10);
        assertEquals(new TimeWindow.Early(Duration.ofMillis(1)), TimeWindow.of(NOW.plusMillis(1), NOW, loop));
        assertEquals(new TimeWindow.Due(), TimeWindow.of(NOW, NOW, loop));
        assertEquals(new TimeWindow.Due(), TimeWindow.of(NOW.minusSeconds(15), NOW, loop));
        assertEquals(new TimeWindow.Stale(), TimeWindow.of(NOW.minusMillis(15_001), NOW, loop));
    }
}
