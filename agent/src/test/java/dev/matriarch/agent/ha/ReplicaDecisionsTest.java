package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
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
                expect(Decision.Wait.class, Scene.of("n2").unlocked().postgres(Servers.empty()));
        assertTrue(wait.because().contains("waiting for leader to bootstrap"), wait.because());
        for (LocalPostgres nothing : new LocalPostgres[] {Servers.empty(), partial()}) {
            Decision.CloneWithoutLeader clone = expect(
                    Decision.CloneWithoutLeader.class,
                    Scene.of("n2").unlocked().cloneWithoutLeader().postgres(nothing));
            assertEquals("trying to bootstrap (without leader)", clone.because());
        }
        // Before there is a cluster there is nothing to take from an archive.
        expect(
                Decision.AcquireLease.class,
                Scene.of("n2").unlocked().uninitialized().cloneWithoutLeader().postgres(Servers.empty()));
        expect(Decision.Wait.class, Scene.of("n2").unlocked().uninitialized().postgres(partial()));
        // With a leader it is the source.
        expect(Decision.Clone.class, Scene.of("n2").cloneWithoutLeader().postgres(Servers.empty()));
    }

    @Test
    void anOperatorsCancelEndsTheCopyAndHoldsTheNextUntilAReinit() {
        expect(
                Decision.Cancel.class,
                Scene.of("n2").postgres(Servers.empty()).busy(Task.Kind.CLONE).situation(held()));
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
                        .postgres(Servers.stopped("shut down"))
                        .busy(Task.Kind.REWIND)
                        .situation(held()));
    }

    @Test
    void whatALeaderFindsHalfCopiedIsNoDataToLeadWith() {
        expect(Decision.ReleaseLease.class, Scene.leader().postgres(partial()));
    }

    private static LocalPostgres starting() {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                Optional.of(Scene.SYSTEM),
                LocalPostgres.Process.STARTING,
                Optional.empty(),
                Optional.empty(),
                "");
    }

    private static Memories startingFor(Duration time) {
        return new Memories().startingSince(Scene.NOW - time.toNanos());
    }

    /** After a rewind it may never accept connections without WAL that only the leader has. */
    @Test
    void aStandbyThatDoesNotComeUpIsStoppedToFollowTheLeaderThatCameMeanwhile() {
        for (Memories memories : new Memories[] {
            startingFor(Duration.ofSeconds(11)).following(new Upstream.Nobody()),
            startingFor(Duration.ofSeconds(11)).following("n3")
        }) {
            for (Scene scene : new Scene[] {
                Scene.of("n2").postgres(starting()).situation(memories.situation()),
                Scene.of("n2")
                        .postgres(starting())
                        .situation(memories.situation())
                        .busy(Task.Kind.START_REPLICA)
            }) {
                Decision.Stop stop = expect(Decision.Stop.class, scene);
                assertEquals(Decision.StopMode.IMMEDIATE, stop.mode());
            }
        }
    }

    @Test
    void aServerThatStartsIsLeftAloneOtherwise() {
        Situation alone = startingFor(Duration.ofSeconds(11))
                .following(new Upstream.Nobody())
                .situation();
        // It has the right upstream.
        expect(
                Decision.Wait.class,
                Scene.of("n2")
                        .postgres(starting())
                        .situation(startingFor(Duration.ofSeconds(90))
                                .following("n1")
                                .situation()));
        // It may still come up by itself.
        expect(
                Decision.Wait.class,
                Scene.of("n2")
                        .postgres(starting())
                        .situation(startingFor(Duration.ofSeconds(9))
                                .following("n3")
                                .situation()));
        // Nobody leads.
        expect(
                Decision.Wait.class,
                Scene.of("n2").unlocked().postgres(starting()).situation(alone));
        // Who has the lock is no primary yet, and may never be one.
        expect(
                Decision.Wait.class,
                Scene.of("n2").memberRole("n1", "replica").postgres(starting()).situation(alone));
        // Crash recovery of a primary.
        expect(
                Decision.Wait.class,
                Scene.of("n2")
                        .postgres(starting())
                        .situation(startingFor(Duration.ofSeconds(90)).situation()));
        expect(
                Decision.Wait.class,
                Scene.of("n2").postgres(starting()).situation(alone).busy(Task.Kind.CRASH_RECOVERY));
        expect(
                Decision.Wait.class,
                Scene.of("n2").postgres(starting()).situation(alone).paused());
    }

    /** Its rewind had failed for want of a leader, and PostgreSQL refused to start it on the timeline that it had heard of. */
    @Test
    void aStandbyThatWasShutDownInOrderIsComparedOnlyIfItDidNotComeUp() {
        Scene stopped = Scene.of("n2").postgres(Servers.stopped("shut down in recovery"));
        expect(Decision.StartReplica.class, stopped);
        expect(
                Decision.CheckDivergence.class,
                stopped.situation(new Memories().failedStarts(1).situation()));
    }
}
