package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Lsn;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** Starts, stops, promotions and crashes of the server under the lock, and after it. */
class LifecycleTest {
    private static final Survey.Answer[] HEALTHY = {Answers.standby("n2", 100), Answers.standby("n3", 100)};
    private static final Survey.Answer[] NOBODY = {Answers.dead("n2"), Answers.standby("n3", -9_000_000)};

    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    private static LocalPostgres process(LocalPostgres.Process process, Optional<LocalPostgres.ControlFile> control) {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.VALID, Optional.of(Scene.SYSTEM), process, control, Optional.empty(), "");
    }

    private static LocalPostgres starting() {
        return process(LocalPostgres.Process.STARTING, Optional.empty());
    }

    private static LocalPostgres archiving(String state) {
        return process(
                LocalPostgres.Process.STOPPING,
                Optional.of(new LocalPostgres.ControlFile(state, 1, new Lsn(100), Lsn.INVALID, 0, true)));
    }

    private static Situation downFor(int seconds) {
        return new Memories().downFor(Duration.ofSeconds(seconds)).situation();
    }

    // --- primary_start_timeout ---

    @Test
    void leaderThatCrashedStartsInPlace() {
        Scene scene = Scene.leader().postgres(Servers.stopped("in production")).situation(downFor(1));
        assertEquals(
                "starting primary after failure",
                expect(Decision.StartPrimary.class, scene).because());
    }

    @Test
    void leaderThatCrashedGoesOverAtOnceIfNoTimeIsAllowed() {
        Scene scene = Scene.leader()
                .postgres(Servers.stopped("in production"))
                .situation(downFor(0))
                .primaryStartTimeout(Duration.ZERO);
        expect(Decision.AskPeers.class, scene);
        Decision.ReleaseLease release = expect(Decision.ReleaseLease.class, scene.answers(HEALTHY));
        assertEquals("stopped PostgreSQL to fail over after a crash", release.because());
        assertTrue(release.position().isEmpty());
        expect(Decision.StartPrimary.class, scene.answers(NOBODY));
    }

    @Test
    void leaderThatKeepsCrashingGoesOverWhenItsTimeIsUp() {
        Scene scene = Scene.leader().postgres(Servers.stopped("in production")).answers(HEALTHY);
        expect(Decision.StartPrimary.class, scene.situation(downFor(299)));
        expect(Decision.ReleaseLease.class, scene.situation(downFor(300)));
    }

    @Test
    void leaderThatIsStartingSaysHowLongItMay() {
        Scene scene = Scene.leader().postgres(starting()).situation(downFor(60));
        assertEquals(
                "PostgreSQL is still starting up, 240 seconds until timeout",
                expect(Decision.Wait.class, scene).because());
        // The same while the task that started it runs.
        assertEquals(
                "PostgreSQL is still starting up, 240 seconds until timeout",
                expect(Decision.Wait.class, scene.busy(Task.Kind.START_PRIMARY)).because());
    }

    @Test
    void leaderWhoseStartTakesTooLongGivesUpOnlyIfAnotherCanLead() {
        for (Task.Kind kind : new Task.Kind[] {Task.Kind.START_PRIMARY, Task.Kind.CRASH_RECOVERY}) {
            Scene scene =
                    Scene.leader().postgres(starting()).situation(downFor(301)).busy(kind);
            expect(Decision.AskPeers.class, scene);
            Decision.Stop stop = expect(Decision.Stop.class, scene.answers(HEALTHY));
            assertEquals(Decision.StopMode.IMMEDIATE, stop.mode());
            assertTrue(stop.handOver());
            assertEquals("stopped PostgreSQL because of startup timeout", stop.because());
            assertEquals(
                    "primary start has timed out, but continuing to wait because failover is not possible",
                    expect(Decision.Wait.class, scene.answers(NOBODY)).because());
        }
    }

    @Test
    void plannedRestartIsNoCrash() {
        Scene scene = Scene.leader()
                .postgres(starting())
                .situation(downFor(1))
                .primaryStartTimeout(Duration.ZERO)
                .answers(HEALTHY);
        expect(Decision.Wait.class, scene.busy(Task.Kind.RESTART));
        expect(Decision.Stop.class, scene.busy(Task.Kind.START_PRIMARY));
    }

    @Test
    void startingLeaderObeysARequestForAnother() {
        Scene scene = Scene.leader()
                .postgres(starting())
                .situation(downFor(1))
                .asked("n1", "n2")
                .answers(HEALTHY);
        assertEquals(
                Decision.StopMode.GRACEFUL, expect(Decision.Stop.class, scene).mode());
    }

    @Test
    void quorumNeedsTheVotesOfTheOthersToGoOver() {
        Scene scene = Scene.leader()
                .postgres(Servers.stopped("in production"))
                .situation(downFor(301))
                .sync("n1", 1, "n2", "n3");
        expect(Decision.ReleaseLease.class, scene.answers(HEALTHY));
        expect(Decision.StartPrimary.class, scene.answers(Answers.standby("n2", 100), Answers.dead("n3")));
    }

    // --- pre_promote ---

    private static Scene newLeader() {
        return Scene.leader().postgres(Servers.replica(100)).prePromoteScript();
    }

    private static Situation asked(long epoch, boolean passed) {
        return new Memories()
                .lifecycle(new Situation.Lifecycle(OptionalLong.empty(), epoch, passed, false))
                .situation();
    }

    @Test
    void scriptIsAskedOnceUnderEachLock() {
        assertEquals(5, expect(Decision.PrePromote.class, newLeader()).epoch());
        expect(Decision.PrePromote.class, newLeader().situation(asked(4, true)));
        expect(Decision.Promote.class, newLeader().situation(asked(5, true)));
    }

    @Test
    void failedScriptReleasesTheLock() {
        Decision.ReleaseLease release =
                expect(Decision.ReleaseLease.class, newLeader().situation(asked(5, false)));
        assertEquals("Promotion cancelled because the pre-promote script failed", release.because());
    }

    @Test
    void failedScriptOfARequestedCandidateWithdrawsTheRequest() {
        expect(
                Decision.WriteFailover.class,
                newLeader().situation(asked(5, false)).asked("n3", "n1"));
    }

    @Test
    void scriptIsCancelledWithTheLock() {
        Scene scene = Scene.replica().ledBy("n3").busy(Task.Kind.PRE_PROMOTE);
        assertEquals(
                "lost leader before promote",
                expect(Decision.Cancel.class, scene).because());
    }

    // --- Stops ---

    @Test
    void stopInGoodOrderIsCutShortWhenTheLeaseEnds() {
        Scene scene = Scene.leader().holding(Duration.ofMillis(700), false);
        assertEquals(
                Decision.StopMode.IMMEDIATE,
                expect(Decision.Stop.class, scene.busy(Task.Kind.STOP)).mode());
        assertFalse(scene.busy(Task.Kind.STOP_NOW).decide() instanceof Decision.Stop);
    }

    @Test
    void primaryThatLosesTheLockWhileAScriptHoldsItsStopUpStopsAtOnce() {
        assertEquals(
                Decision.StopMode.IMMEDIATE,
                expect(Decision.Stop.class, Scene.of("n1").ledBy("n2").busy(Task.Kind.STOP))
                        .mode());
    }

    @Test
    void lockIsReleasedWhileTheArchiverStillWorks() {
        Scene scene = Scene.leader()
                .postgres(archiving("shut down"))
                .situation(new Memories().steppingDown().situation())
                .busySince(Task.Kind.STOP, Duration.ofSeconds(2));
        expect(Decision.AskPeers.class, scene);
        Decision.ReleaseLease release = expect(Decision.ReleaseLease.class, scene.answers(HEALTHY));
        assertEquals(Optional.of(new Lsn(100)), release.position());
        // The same when the agent ends.
        expect(Decision.ReleaseLease.class, scene.order(new Order.Shutdown()));
    }

    @Test
    void lockIsKeptUntilSomebodyHasTheShutdownCheckpoint() {
        Scene scene = Scene.leader()
                .situation(new Memories().steppingDown().situation())
                .busySince(Task.Kind.STOP, Duration.ofSeconds(2));
        expect(
                Decision.Wait.class,
                scene.postgres(archiving("shut down")).answers(Answers.standby("n2", 99), Answers.dead("n3")));
        expect(Decision.Wait.class, scene.postgres(archiving("shutting down")).answers(HEALTHY));
        expect(
                Decision.Wait.class,
                scene.postgres(archiving("shut down")).busy(Task.Kind.STOP).answers(HEALTHY));
    }

    // --- Crash recovery ---

    private static Scene crashedUnder(String leader) {
        return Scene.of("n1").ledBy(leader).postgres(Servers.stopped("in production"));
    }

    @Test
    void formerPrimaryThatCrashedRecoversByItselfOnce() {
        expect(Decision.CrashRecovery.class, crashedUnder("n2"));
        expect(
                Decision.CheckDivergence.class,
                crashedUnder("n2")
                        .situation(new Memories()
                                .lifecycle(new Situation.Lifecycle(OptionalLong.empty(), 0, false, true))
                                .situation()));
        expect(Decision.CheckDivergence.class, crashedUnder("n2").postgres(Servers.stopped("shut down")));
    }

    @Test
    void withoutALeaderItStartsAsAStandbyAtOnce() {
        expect(Decision.StartReplica.class, crashedUnder("n2").unlocked());
    }

    // --- The agent ends ---

    @Test
    void endOfTheAgentCancelsWhateverRuns() {
        Scene stopped = Scene.of("n2").ledBy("n1").postgres(Servers.empty()).order(new Order.Shutdown());
        for (Task.Kind kind : new Task.Kind[] {Task.Kind.CLONE, Task.Kind.REWIND, Task.Kind.CRASH_RECOVERY}) {
            expect(Decision.Cancel.class, stopped.busy(kind));
        }
        Scene running = Scene.leader().order(new Order.Shutdown());
        for (Task.Kind kind : new Task.Kind[] {Task.Kind.PROMOTE, Task.Kind.PRE_PROMOTE, Task.Kind.RESTART}) {
            Decision.Stop stop = expect(Decision.Stop.class, running.busy(kind));
            assertEquals(Decision.StopMode.FAST, stop.mode());
            assertTrue(stop.handOver());
        }
        expect(Decision.Cancel.class, running.paused().busy(Task.Kind.PROMOTE));
    }
}
