package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class DeciderTest {
    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    // --- The lease comes first ---

    @Test
    void leaderRenewsBeforeAnythingElse() {
        expect(Decision.RenewLease.class, Scene.leader().holding(Duration.ofSeconds(4), false));
    }

    @Test
    void leaderWhoseLeaseEndsStopsAtOnceWhateverItIsDoing() {
        for (Scene scene : new Scene[] {
            Scene.leader().holding(Duration.ofMillis(700), false),
            Scene.leader().holding(Duration.ofMillis(700), false).storeLost(),
            Scene.leader().holding(Duration.ofMillis(700), false).busy(Task.Kind.RESTART)
        }) {
            Decision.Stop stop = expect(Decision.Stop.class, scene);
            assertEquals(Decision.StopMode.IMMEDIATE, stop.mode());
            assertFalse(stop.handOver());
        }
    }

    @Test
    void leaderWithoutStoreGoesOnWhileItsLeaseLasts() {
        expect(
                Decision.Wait.class,
                Scene.leader().holding(Duration.ofSeconds(3), false).storeLost());
    }

    @Test
    void restartedAgentTakesUpTheLockThatBearsItsName() {
        assertEquals(5, expect(Decision.RenewLease.class, Scene.of("n1")).epoch());
    }

    @Test
    void unguardedPrimaryWithoutLeaseAndStoreStops() {
        expect(
                Decision.Stop.class,
                Scene.of("n1").storeLost().situation(new Memories().unguarded().situation()));
        expect(Decision.Wait.class, Scene.of("n1").storeLost().situation(new Memories().situation()));
    }

    @Test
    void primaryThatLostTheLockStopsImmediately() {
        assertEquals(
                Decision.StopMode.IMMEDIATE,
                expect(Decision.Stop.class, Scene.of("n1").ledBy("n2")).mode());
        expect(Decision.Stop.class, Scene.of("n1").unlocked());
    }

    @Test
    void pausedPrimaryWithoutLockIsLeftAlone() {
        expect(Decision.Wait.class, Scene.of("n1").ledBy("n2").paused());
        expect(
                Decision.Wait.class,
                Scene.leader().holding(Duration.ofMillis(1), false).paused().storeLost());
    }

    // --- Who may lead ---

    @Test
    void standbyAsksTheOthersBeforeItStands() {
        expect(Decision.AskPeers.class, Scene.replica().unlocked());
        expect(
                Decision.AcquireLease.class,
                Scene.replica().unlocked().answers(Answers.dead("n1"), Answers.standby("n3", 100)));
    }

    @Test
    void standbyBehindAnotherStandsBack() {
        expect(Decision.Wait.class, Scene.replica().unlocked().answers(Answers.dead("n1"), Answers.standby("n3", 101)));
    }

    @Test
    void livingPrimaryVetoes() {
        var alive = new Survey.Answer("n1", true, true, false, new dev.matriarch.dcs.Lsn(100), 1, false, 1);
        expect(Decision.Wait.class, Scene.replica().unlocked().answers(alive, Answers.standby("n3", 100)));
    }

    @Test
    void standbyTooFarBehindThePublishedPositionNeverStands() {
        expect(
                Decision.Wait.class,
                Scene.replica().unlocked().optime(2_000_000).answers(Answers.dead("n1"), Answers.dead("n3")));
    }

    /** The dead leader's standbys have just failed to ask it about its history. */
    @Test
    void onlyAMemberThatGaveTheLockUpStandsBack() {
        Scene scene = Scene.replica().unlocked().answers(Answers.dead("n1"), Answers.standby("n3", 100));
        long later = Scene.NOW + 1_000_000_000L;
        expect(
                Decision.AcquireLease.class,
                scene.situation(new Memories().retryAt(later).situation()));
        expect(
                Decision.Wait.class,
                scene.situation(new Memories().standBackUntil(later).situation()));
    }

    @Test
    void nofailoverMemberNeverStands() {
        expect(Decision.Wait.class, Scene.replica().unlocked().nofailover());
    }

    @Test
    void quorumCommitAsksForVotes() {
        Scene alone =
                Scene.replica().unlocked().sync("n1", 1, "n2", "n3").answers(Answers.dead("n1"), Answers.dead("n3"));
        expect(Decision.Wait.class, alone);
        Scene seconded = Scene.replica()
                .unlocked()
                .sync("n1", 1, "n2", "n3")
                .answers(Answers.dead("n1"), Answers.standby("n3", 90));
        expect(Decision.AcquireLease.class, seconded);
    }

    /** n1 led timeline 1 and came back with WAL that nobody had; n2 followed n3, the next leader, on timeline 2. */
    @Test
    void laterTimelineWinsOverAFormerLeadersLongerTail() {
        Scene formerLeader = Scene.of("n1")
                .postgres(Servers.running(Servers.status(true, 200, 1)))
                .unlocked()
                .sync("n3", 1, "n1", "n2")
                .answers(Answers.dead("n3"), Answers.standby("n2", 110, 2));
        expect(Decision.Wait.class, formerLeader);
        Scene follower = Scene.of("n2")
                .postgres(Servers.running(Servers.status(true, 110, 2)))
                .unlocked()
                .sync("n3", 1, "n1", "n2")
                .answers(Answers.dead("n3"), Answers.standby("n1", 200, 1));
        expect(Decision.AcquireLease.class, follower);
    }

    @Test
    void memberOutsideTheVotersNeedsOneVoteMore() {
        expect(
                Decision.Wait.class,
                Scene.replica().unlocked().sync("n1", 0, "n3").answers(Answers.dead("n1"), Answers.dead("n3")));
    }

    @Test
    void newLeaderListsItsSynchronousStandbysBeforeItPromotes() {
        Scene scene = Scene.of("n2")
                .postgres(Servers.replica(100))
                .ledBy("n2")
                .holding(Duration.ofSeconds(4), true)
                .sync("n1", 1, "n2", "n3");
        assertEquals(
                "ANY 1 (n1,n3)", expect(Decision.SetStandbyNames.class, scene).setting());
    }

    /** Else the former leader, which may stand without votes, could come back beside this one's commits. */
    @Test
    void newLeaderTakesTheSynchronousSetOverBeforeItPromotes() {
        Scene scene = Scene.of("n2")
                .postgres(Servers.replicaWithStandbyNames(100, "ANY 1 (n1,n3)"))
                .ledBy("n2")
                .holding(Duration.ofSeconds(4), true)
                .sync("n1", 1, "n2", "n3");
        var state = expect(Decision.WriteSync.class, scene).state().orElseThrow();
        assertEquals("n2", state.leader());
        assertEquals(java.util.Set.of("n1", "n3"), state.voters());
        assertEquals(1, state.quorum());
    }

    @Test
    void lockHolderThatIsAReplicaPromotes() {
        Decision.Promote promote = expect(
                Decision.Promote.class,
                Scene.of("n2").postgres(Servers.replica(100)).ledBy("n2").holding(Duration.ofSeconds(4), true));
        assertTrue(promote.slotsFor().contains("n3"));
    }

    @Test
    void promotionThatLostTheLockIsStopped() {
        expect(
                Decision.Stop.class,
                Scene.of("n2").postgres(Servers.replica(100)).ledBy("n3").busy(Task.Kind.PROMOTE));
    }

    // --- Change of leader by request ---

    @Test
    void leaderHandsOverOnlyWhenSomebodyCanTakeOver() {
        expect(Decision.AskPeers.class, Scene.leader().asked("n1", "n2"));
        Decision.Stop stop =
                expect(Decision.Stop.class, Scene.leader().asked("n1", "n2").answers(Answers.standby("n2", 100)));
        assertEquals(Decision.StopMode.GRACEFUL, stop.mode());
        assertTrue(stop.handOver());
        expect(Decision.WriteFailover.class, Scene.leader().asked("n1", "n2").answers(Answers.dead("n2")));
    }

    @Test
    void clearedRequestAsksForNothing() {
        expect(Decision.Wait.class, Scene.leader().asked(null, null));
    }

    @Test
    void stoppedLeaderThatStepsDownReleasesTheLockWithItsLastPosition() {
        Decision.ReleaseLease release = expect(
                Decision.ReleaseLease.class,
                Scene.leader()
                        .postgres(Servers.stopped("shut down"))
                        .situation(new Memories().steppingDown().situation()));
        assertEquals(90, release.position().orElseThrow().value());
    }

    @Test
    void requestedCandidateTakesTheFreeLockAndTheOtherStandsBack() {
        Scene candidate =
                Scene.replica().unlocked().asked("n1", "n2").answers(Answers.dead("n1"), Answers.standby("n3", 100));
        expect(Decision.AcquireLease.class, candidate);
        Scene other = Scene.of("n3")
                .postgres(Servers.replica(100))
                .unlocked()
                .asked("n1", "n2")
                .answers(Answers.dead("n1"), Answers.standby("n2", 100));
        expect(Decision.Wait.class, other);
    }

    /** n3 has acknowledged what n2 has not got: the wish for n2 does not weigh more than a commit. */
    @Test
    void requestedCandidateThatLacksSomethingLeavesTheLockToWhoHasIt() {
        Scene candidate = Scene.replica()
                .unlocked()
                .asked("n1", "n2")
                .sync("n1", 1, "n2", "n3")
                .answers(Answers.dead("n1"), Answers.standby("n3", 101));
        expect(Decision.Wait.class, candidate);
        Scene other = Scene.of("n3")
                .postgres(Servers.replica(101))
                .unlocked()
                .asked("n1", "n2")
                .sync("n1", 1, "n2", "n3")
                .answers(Answers.dead("n1"), Answers.standby("n2", 100));
        expect(Decision.AcquireLease.class, other);
    }

    // --- Bringing a server back ---

    @Test
    void crashedLeaderStartsInPlaceAndGivesUpAfterTwoFailures() {
        expect(Decision.StartPrimary.class, Scene.leader().postgres(Servers.stopped("in production")));
        expect(
                Decision.ReleaseLease.class,
                Scene.leader()
                        .postgres(Servers.stopped("in production"))
                        .situation(new Memories().failedStarts(2).situation()));
    }

    // What comes before it: LifecycleTest.formerPrimaryThatCrashedRecoversByItselfOnce.
    @Test
    void formerPrimaryIsComparedBeforeItStarts() {
        expect(Decision.CheckDivergence.class, Scene.of("n1").ledBy("n2").postgres(Servers.stopped("shut down")));
    }

    @Test
    void divergedServerIsRewoundAndClonedOnlyIfThatFailed() {
        Divergence found = new Divergence.Found("forked");
        expect(
                Decision.Rewind.class,
                Scene.of("n1")
                        .ledBy("n2")
                        .postgres(Servers.stopped("shut down"))
                        .situation(new Memories().divergence(found).situation()));
        expect(
                Decision.Discard.class,
                Scene.of("n1")
                        .ledBy("n2")
                        .postgres(Servers.stopped("shut down"))
                        .situation(
                                new Memories().divergence(found).rewindFailed().situation()));
    }

    @Test
    void emptyMemberClonesARunningLeaderAndWaitsForOneThatIsNot() {
        expect(Decision.Clone.class, Scene.of("n2").postgres(Servers.empty()));
        expect(Decision.Wait.class, Scene.of("n2").unlocked().postgres(Servers.empty()));
    }

    @Test
    void storeThatIsAboutToAnswerIsWaitedForBeforeAServerComesUpWithoutIt() {
        Scene scene = Scene.of("n1").storeLost().postgres(Servers.stopped("in production"));
        expect(
                Decision.Wait.class,
                scene.situation(
                        new Memories().storeLostFor(Duration.ofSeconds(2)).situation()));
        expect(
                Decision.StartReplica.class,
                scene.situation(
                        new Memories().storeLostFor(Duration.ofSeconds(11)).situation()));
    }

    @Test
    void firstMemberTakesTheLockClaimsTheClusterAndCreatesIt() {
        expect(
                Decision.AcquireLease.class,
                Scene.of("n1").unlocked().uninitialized().postgres(Servers.empty()));
        expect(Decision.WriteInitialize.class, Scene.leader().uninitialized().postgres(Servers.empty()));
    }

    @Test
    void foreignDataDirectoryEndsTheAgentUntouched() {
        LocalPostgres foreign = new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                java.util.Optional.of("7999999999999999999"),
                LocalPostgres.Process.STOPPED,
                java.util.Optional.empty(),
                java.util.Optional.empty(),
                "");
        Decision.Exit exit = expect(Decision.Exit.class, Scene.of("n2").postgres(foreign));
        assertTrue(exit.because().contains("system ID mismatch"));
    }

    @Test
    void standbyFollowsTheNewLeaderAtOnce() {
        assertInstanceOf(
                Upstream.Of.class,
                expect(
                                Decision.Follow.class,
                                Scene.of("n3")
                                        .postgres(Servers.replica(100))
                                        .following("n1")
                                        .ledBy("n2"))
                        .upstream());
    }

    @Test
    void healthyMembersDoNothing() {
        assertEquals(
                "no action. I am (n1), the leader with the lock",
                expect(Decision.Wait.class, Scene.leader()).because());
        assertEquals(
                "no action. I am (n2), a secondary, and following a leader (n1)",
                expect(Decision.Wait.class, Scene.replica()).because());
    }

    // --- The agent's own end ---

    @Test
    void shutdownStopsPostgresThenReleasesThenExits() {
        expect(Decision.Stop.class, Scene.leader().order(new Order.Shutdown()));
        expect(
                Decision.ReleaseLease.class,
                Scene.leader().postgres(Servers.stopped("shut down")).order(new Order.Shutdown()));
        assertEquals(
                0,
                expect(
                                Decision.Exit.class,
                                Scene.replica()
                                        .postgres(Servers.stopped("shut down in recovery"))
                                        .order(new Order.Shutdown()))
                        .code());
    }
}
