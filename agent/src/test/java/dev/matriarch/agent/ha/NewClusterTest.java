package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Expected;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The creation of the cluster: who does it, and what is left of it when it fails. */
class NewClusterTest {
    private static <T extends Decision> T expect(Class<T> type, Scene scene) {
        return assertInstanceOf(type, scene.decide());
    }

    private static LocalPostgres halfWritten() {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.HALF_WRITTEN,
                Optional.empty(),
                LocalPostgres.Process.STOPPED,
                Optional.empty(),
                Optional.empty(),
                "unfinished");
    }

    private static Scene creating() {
        return Scene.leader().initialize("").postgres(Servers.empty());
    }

    private static Scene failed() {
        return creating().situation(new Memories().bootstrapFailed("no space").situation());
    }

    @Test
    void aFailedBootstrapTakesItsClaimBackThenTheLockAndEndsTheAgent() {
        expect(Decision.RemoveInitialize.class, failed());
        // The data directory was looked at before it was moved aside.
        expect(Decision.RemoveInitialize.class, failed().postgres(Servers.stopped("shut down")));
        expect(Decision.ReleaseLease.class, failed().uninitialized());
        Decision.Exit exit = expect(
                Decision.Exit.class,
                Scene.of("n1")
                        .unlocked()
                        .uninitialized()
                        .postgres(Servers.empty())
                        .situation(new Memories().bootstrapFailed("no space").situation()));
        assertEquals(1, exit.code());
        assertEquals("Failed to bootstrap cluster: no space", exit.because());
    }

    @Test
    void anAgentThatEndsMeanwhileLeavesNoEmptyClaim() {
        expect(Decision.Cancel.class, creating().busy(Task.Kind.BOOTSTRAP).order(new Order.Shutdown()));
        expect(Decision.RemoveInitialize.class, creating().order(new Order.Shutdown()));
        expect(Decision.ReleaseLease.class, creating().uninitialized().order(new Order.Shutdown()));
    }

    @Test
    void aClusterThatExistsKeepsItsKeyWhenItsLeaderEnds() {
        expect(
                Decision.ReleaseLease.class,
                Scene.leader().postgres(Servers.stopped("shut down")).order(new Order.Shutdown()));
    }

    @Test
    void whatAnInterruptedAttemptLeftIsMovedAsideByTheNext() {
        expect(
                Decision.AcquireLease.class,
                Scene.of("n1").unlocked().initialize("").postgres(halfWritten()));
        expect(Decision.SetAside.class, Scene.leader().initialize("").postgres(halfWritten()));
        expect(Decision.Bootstrap.class, creating());
    }

    @Test
    void halfWrittenDataOfAClusterThatExistsIsNotTouchedWithoutLeader() {
        Decision.Wait wait =
                expect(Decision.Wait.class, Scene.of("n1").unlocked().postgres(halfWritten()));
        assertTrue(wait.because().contains("half written"), wait.because());
        // A store that was wiped says nothing about the data.
        expect(Decision.Wait.class, Scene.of("n1").unlocked().uninitialized().postgres(halfWritten()));
    }

    @Test
    void theLockIsTakenUpAgainDuringALongRestore() {
        expect(
                Decision.AcquireLease.class,
                Scene.of("n1").unlocked().initialize("").postgres(halfWritten()).busy(Task.Kind.BOOTSTRAP));
        // Another has taken it: two members must not create the cluster.
        expect(
                Decision.Cancel.class,
                Scene.of("n2").initialize("").postgres(halfWritten()).busy(Task.Kind.BOOTSTRAP));
    }

    @Test
    void nobodyElseBeginsWhileAMemberIsAtIt() {
        Scene scene = Scene.of("n1").unlocked().initialize("").postgres(Servers.empty());
        expect(Decision.AcquireLease.class, scene);
        Decision.Wait wait = expect(Decision.Wait.class, scene.memberState("n2", "initializing new cluster"));
        assertEquals("waiting for n2, which is creating the cluster", wait.because());
    }

    @Test
    void whoTakesTheCreationOverMakesTheClaimItsOwnFirst() {
        Decision.WriteInitialize claim = expect(
                Decision.WriteInitialize.class, Scene.leader().begunBefore().postgres(Servers.empty()));
        assertEquals("", claim.systemIdentifier());
        // The holder before may still announce what it has created: its write names the same revision and comes too
        // late.
        assertEquals(Expected.revision(1), claim.expected());
        expect(Decision.Bootstrap.class, creating());
    }

    @Test
    void serversOfInterruptedAttemptsDoNotWaitForEachOtherForEver() {
        Scene scene = Scene.of("n1").unlocked().initialize("").postgres(Servers.replica(100));
        expect(Decision.AskPeers.class, scene);
        Decision.Wait wait = expect(Decision.Wait.class, scene.memberState("n2", "stopped"));
        assertEquals("waiting for another member that is creating the cluster", wait.because());
    }

    @Test
    void aLeaseThatRunsOutStillFencesAServerThatIsJustBeingCreated() {
        expect(
                Decision.Stop.class,
                creating()
                        .postgres(Servers.primary(100))
                        .holding(Duration.ofMillis(1), true)
                        .busy(Task.Kind.BOOTSTRAP));
    }
}
