package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A paused cluster is looked at, not touched; with the exceptions that operators rely on. */
class PauseTest {
    private static final String OTHER = "7500000000000000009";

    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    private static void says(String sentence, Decision decision) {
        assertEquals(sentence, decision.because());
    }

    private static LocalPostgres unreadable(LocalPostgres.Process process) {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.UNUSABLE,
                Optional.empty(),
                process,
                Optional.empty(),
                Optional.empty(),
                "Permission denied");
    }

    private static LocalPostgres withSystem(LocalPostgres pg, String system) {
        return new LocalPostgres(
                pg.dataDirectory(), Optional.of(system), pg.process(), pg.control(), pg.status(), pg.problem());
    }

    // --- Nothing is started, stopped or promoted ---

    @Test
    void deadPrimaryIsNeitherRestartedNorReplaced() {
        says(
                "removed leader lock because postgres is not running",
                expect(
                        Decision.ReleaseLease.class,
                        Scene.leader().paused().postgres(Servers.stopped("in production"))));
        says(
                "postgres is not running",
                expect(
                        Decision.Wait.class,
                        Scene.of("n1").unlocked().paused().postgres(Servers.stopped("in production"))));
        says(
                "postgres is not running",
                expect(
                        Decision.Wait.class,
                        Scene.of("n1").ledBy("n2").paused().postgres(Servers.stopped("in production"))));
        expect(
                Decision.Wait.class,
                Scene.replica().unlocked().paused().answers(Answers.dead("n1"), Answers.dead("n3")));
        says(
                "postgres is not running",
                expect(Decision.Wait.class, Scene.replica().paused().postgres(Servers.stopped("shut down"))));
    }

    @Test
    void agentThatEndsLeavesServerAndLock() {
        Decision.Exit exit = expect(Decision.Exit.class, Scene.leader().paused().order(new Order.Shutdown()));
        says("Leader key is not deleted and Postgresql is not stopped due paused state", exit);
        assertEquals(0, exit.code());
        expect(Decision.Exit.class, Scene.leader().paused().storeLost().order(new Order.Shutdown()));
    }

    // --- Several primaries ---

    @Test
    void manuallyPromotedMemberGoesOnBesideTheLeader() {
        says(
                "continue to run as primary without lock",
                expect(Decision.Wait.class, Scene.of("n2").paused().postgres(Servers.primary(100))));
    }

    @Test
    void manuallyPromotedMemberTakesAFreeLock() {
        Scene promoted = Scene.of("n2").unlocked().paused().postgres(Servers.primary(100));
        expect(Decision.AcquireLease.class, promoted);
        expect(Decision.AcquireLease.class, promoted.nofailover());
    }

    /** Whoever claimed it may have been promoted, and have died before it could say so. */
    @Test
    void primaryDoesNotTakeTheLockAfterSomebodyClaimedTheNextTimeline() {
        Scene old = Scene.of("n1").unlocked().paused().postgres(Servers.primary(100));
        expect(Decision.AcquireLease.class, old);
        assertTrue(expect(Decision.Wait.class, old.claim(2, 7))
                .because()
                .startsWith("continue to run as primary without lock"));
    }

    @Test
    void primaryOfATimelineLeftBehindTakesTheLockOnlyIfTheClusterIsForgotten() {
        Scene old = Scene.of("n1")
                .unlocked()
                .paused()
                .postgres(Servers.primary(100))
                .history(3);
        assertTrue(expect(Decision.Wait.class, old).because().startsWith("continue to run as primary without lock"));
        expect(Decision.AcquireLease.class, old.uninitialized());
    }

    @Test
    void replicaWithTheLockLosesIt() {
        says(
                "removed leader lock because postgres is not running as primary",
                expect(Decision.ReleaseLease.class, Scene.leader().paused().postgres(Servers.replica(100))));
    }

    @Test
    void requestDecidesWhoTakesAFreeLock() {
        Scene promoted = Scene.of("n2").unlocked().paused().postgres(Servers.primary(100));
        expect(Decision.Wait.class, promoted.asked(null, "n3"));
        expect(Decision.AcquireLease.class, promoted.asked(null, "n2"));
        expect(Decision.WriteFailover.class, promoted.asked(null, "n3").without("n3"));
    }

    // --- Switchover in pause ---

    @Test
    void namedCandidateIsPromotedThoughTheClusterIsPaused() {
        expect(
                Decision.Stop.class,
                Scene.leader()
                        .paused()
                        .asked("n1", "n2")
                        .answers(Answers.standby("n2", 100), Answers.standby("n3", 100)));
        Scene candidate = Scene.replica().unlocked().paused().asked("n1", "n2");
        expect(Decision.AcquireLease.class, candidate.answers(Answers.standby("n1", 100), Answers.standby("n3", 100)));
        expect(
                Decision.AcquireLease.class,
                candidate
                        .asked(null, "n2")
                        .answers(
                                new Survey.Answer("n3", true, true, false, new dev.matriarch.dcs.Lsn(100), 1, false, 1),
                                Answers.dead("n1")));
    }

    @Test
    void switchoverWithoutACandidateIsForgotten() {
        expect(
                Decision.WriteFailover.class,
                Scene.leader().paused().asked("n1", null).answers(Answers.standby("n2", 100)));
    }

    @Test
    void memberThatHandedOverComesBackThoughTheClusterIsPaused() {
        Situation handedOver =
                new Memories().wishes(Wishes.NONE.withHandedOver(true)).situation();
        expect(
                Decision.CheckDivergence.class,
                Scene.of("n1")
                        .ledBy("n2")
                        .paused()
                        .postgres(Servers.stopped("shut down"))
                        .situation(handedOver));
        expect(
                Decision.StartReplica.class,
                Scene.of("n1")
                        .unlocked()
                        .paused()
                        .postgres(Servers.stopped("shut down"))
                        .situation(handedOver));
    }

    // --- Still possible ---

    @Test
    void newMemberIsClonedWhileALeaderIsThere() {
        expect(Decision.Clone.class, Scene.of("n3").paused().postgres(Servers.empty()));
        says(
                "running with empty data directory",
                expect(Decision.Wait.class, Scene.of("n3").unlocked().paused().postgres(Servers.empty())));
    }

    @Test
    void restartOnDemand() {
        expect(Decision.Restart.class, Scene.leader().paused().order(new Order.Restart(Optional.empty())));
        expect(Decision.Restart.class, Scene.replica().paused().order(new Order.Restart(Optional.empty())));
    }

    @Test
    void reinitOnDemand() {
        expect(Decision.Stop.class, Scene.replica().paused().order(new Order.Reinitialize()));
        expect(
                Decision.Discard.class,
                Scene.of("n2")
                        .paused()
                        .postgres(Servers.stopped("shut down in recovery"))
                        .order(new Order.Reinitialize()));
    }

    // --- After it ---

    @Test
    void extraPrimaryIsDemotedOnResume() {
        Decision.Stop stop = expect(Decision.Stop.class, Scene.of("n2").postgres(Servers.primary(100)));
        assertEquals(Decision.StopMode.IMMEDIATE, stop.mode());
        // Stopped, it is compared with the leader before it comes back.
        expect(Decision.CheckDivergence.class, Scene.of("n2").ledBy("n1").postgres(Servers.stopped("shut down")));
    }

    // --- Whose data it is ---

    @Test
    void dataOfAnotherClusterKeepsItsServerButNotTheLockUntilResume() {
        LocalPostgres foreign = withSystem(Servers.primary(100), OTHER);
        expect(Decision.ReleaseLease.class, Scene.leader().paused().postgres(foreign));
        expect(Decision.Wait.class, Scene.of("n1").unlocked().paused().postgres(foreign));
        Decision.Exit exit =
                expect(Decision.Exit.class, Scene.of("n1").unlocked().postgres(foreign));
        assertEquals(1, exit.code());
        expect(
                Decision.AcquireLease.class,
                Scene.of("n1").unlocked().paused().initialize(OTHER).postgres(foreign));
        expect(
                Decision.Exit.class,
                Scene.of("n1").unlocked().paused().postgres(foreign).order(new Order.Shutdown()));
    }

    @Test
    void replicaFoundRunningInAClusterThatNobodyKnowsEndsTheAgent() {
        Scene fresh = Scene.of("n2").unlocked().uninitialized().postgres(Servers.replica(100));
        Decision.Exit exit = expect(Decision.Exit.class, fresh);
        assertTrue(
                exit.because()
                        .startsWith("No initialize key in DCS and PostgreSQL is running as replica, aborting start"),
                exit::because);
        // Once it has followed somebody, the store has forgotten what it knew.
        assertEquals(
                NewCluster.FORGOTTEN,
                expect(Decision.Wait.class, fresh.following("n1")).because());
    }

    @Test
    void primaryFoundRunningInAClusterThatNobodyKnowsIsJoined() {
        expect(Decision.AcquireLease.class, Scene.of("n1").unlocked().uninitialized());
    }

    @Test
    void stoppedDataIsClaimedBeforeARace() {
        Decision.WriteInitialize claim = expect(
                Decision.WriteInitialize.class,
                Scene.of("n1").unlocked().uninitialized().postgres(Servers.stopped("shut down")));
        assertEquals(Scene.SYSTEM, claim.systemIdentifier());
    }

    @Test
    void deletedInitializeKeyIsWrittenAgain() {
        Decision.WriteInitialize repair =
                expect(Decision.WriteInitialize.class, Scene.leader().uninitialized());
        assertEquals(Scene.SYSTEM, repair.systemIdentifier());
    }

    @Test
    void dataWithoutAnIdentifierIsLeftAlone() {
        says(
                "data dir for the cluster is not empty, but system ID is invalid; consider doing reinitialize",
                expect(Decision.Wait.class, Scene.replica().postgres(withSystem(Servers.stopped("shut down"), "0"))));
    }

    // --- Data that went away under a leader ---

    @Test
    void leaderWithoutDataStopsAndReleases() {
        assertEquals(
                "released leader key voluntarily as data dir empty and currently leader",
                expect(Decision.ReleaseLease.class, Scene.leader().postgres(Servers.empty()))
                        .because());
        LocalPostgres running = new LocalPostgres(
                LocalPostgres.DataDirectory.EMPTY,
                Optional.of(Scene.SYSTEM),
                LocalPostgres.Process.RUNNING,
                Optional.empty(),
                Optional.of(Servers.status(false, 100, 1)),
                "");
        assertTrue(expect(Decision.Stop.class, Scene.leader().postgres(running)).handOver());
    }

    @Test
    void leaderWithUnreadableDataStopsAndReleases() {
        expect(Decision.Stop.class, Scene.leader().postgres(unreadable(LocalPostgres.Process.RUNNING)));
        assertTrue(
                expect(Decision.ReleaseLease.class, Scene.leader().postgres(unreadable(LocalPostgres.Process.STOPPED)))
                        .because()
                        .startsWith("released leader key voluntarily as data dir not accessible and currently leader"));
        expect(Decision.Wait.class, Scene.replica().postgres(unreadable(LocalPostgres.Process.STOPPED)));
    }
}
