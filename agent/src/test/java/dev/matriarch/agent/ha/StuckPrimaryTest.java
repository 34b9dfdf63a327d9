package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** A primary that lives but takes no writes, or has no room to. The scene's ttl is 5 s, so the patience is 10 s. */
class StuckPrimaryTest {
    private static final Survey.Answer[] HEALTHY = {Answers.standby("n2", 100), Answers.standby("n3", 100)};

    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    private static WritePath failing(Duration since, int failures) {
        return new WritePath(
                OptionalLong.of(Scene.NOW - since.toNanos()),
                failures,
                "it takes no connections",
                OptionalLong.empty(),
                false);
    }

    private static WritePath room(long bytes) {
        return new WritePath(OptionalLong.empty(), 0, "", OptionalLong.of(bytes), false);
    }

    private static WritePath abandoned() {
        return failing(Duration.ofSeconds(11), 4).withAbandoned(true);
    }

    private static Scene with(WritePath path, Scene scene) {
        return scene.situation(new Memories().writePath(path).situation());
    }

    private static Scene leader(WritePath path) {
        return with(path, Scene.leader());
    }

    private static LocalPostgres silent(LocalPostgres.Process process) {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                Optional.of(Scene.SYSTEM),
                process,
                Optional.empty(),
                Optional.empty(),
                "no answer in time");
    }

    // --- A server that takes no writes ---

    @Test
    void slowProbeAloneChangesNothing() {
        for (WritePath path : new WritePath[] {
            WritePath.unknown(),
            failing(Duration.ofSeconds(9), 5),
            failing(Duration.ofSeconds(60), 2),
            failing(Duration.ofSeconds(1), 9)
        }) {
            Decision.Wait wait = expect(Decision.Wait.class, leader(path).answers(HEALTHY));
            assertTrue(wait.because().startsWith("no action. I am (n1), the leader"), wait.because());
        }
    }

    @Test
    void stuckPrimaryAsksWhoCouldLeadBeforeItDoesAnything() {
        for (LocalPostgres pg : new LocalPostgres[] {Servers.primary(100), silent(LocalPostgres.Process.RUNNING)}) {
            assertEquals(
                    java.util.Set.of("n2", "n3"),
                    expect(
                                    Decision.AskPeers.class,
                                    leader(failing(Duration.ofSeconds(10), 3)).postgres(pg))
                            .members());
        }
    }

    @Test
    void stuckPrimaryIsStoppedOnceAnotherCouldLead() {
        Decision.Stop stop = expect(
                Decision.Stop.class, leader(failing(Duration.ofSeconds(12), 3)).answers(HEALTHY));
        assertEquals(Decision.StopMode.IMMEDIATE, stop.mode());
        assertTrue(stop.handOver());
        assertTrue(stop.because().contains("has taken no writes for 12 s (it takes no connections)"), stop.because());
    }

    @Test
    void stuckPrimaryStaysWhileNobodyElseCouldLead() {
        WritePath path = failing(Duration.ofHours(1), 999);
        Scene[] scenes = {
            leader(path).answers(Answers.dead("n2"), Answers.dead("n3")),
            // Too far behind what was published.
            leader(path).optime(5_000_000).answers(HEALTHY),
            // Quorum commit: n3 is no voter, and n2 alone lacks a vote.
            leader(path).sync("n1", 1, "n2", "n3").answers(Answers.standby("n2", 100), Answers.dead("n3")),
            leader(path).sync("n1", 0).answers(HEALTHY),
        };
        for (Scene scene : scenes) {
            Decision.Wait wait = expect(Decision.Wait.class, scene);
            assertTrue(wait.because().contains("no other member could take over: keeping the lock"), wait.because());
        }
    }

    @Test
    void stuckPrimaryUnderQuorumCommitLeavesToWhoWillHaveTheVotes() {
        WritePath path = failing(Duration.ofSeconds(12), 3);
        expect(Decision.Stop.class, leader(path).sync("n1", 1, "n2", "n3").answers(HEALTHY));
        expect(
                Decision.Stop.class,
                leader(path).sync("n1", 0, "n2").answers(Answers.standby("n2", 100), Answers.dead("n3")));
    }

    @Test
    void stuckPrimaryStaysWhilePaused() {
        for (WritePath path : new WritePath[] {failing(Duration.ofMinutes(5), 99), abandoned()}) {
            assertFalse(leader(path).paused().answers(HEALTHY).decide() instanceof Decision.Stop);
            expect(Decision.RenewLease.class, leader(path).paused().holding(Duration.ofSeconds(4), false));
        }
    }

    @Test
    void primaryThatIsStartingOrStoppingIsNotStuck() {
        WritePath path = failing(Duration.ofMinutes(5), 99);
        for (LocalPostgres.Process process :
                new LocalPostgres.Process[] {LocalPostgres.Process.STARTING, LocalPostgres.Process.STOPPING}) {
            expect(Decision.Wait.class, leader(path).postgres(silent(process)).answers(HEALTHY));
        }
    }

    // --- Once it is given up ---

    @Test
    void leaseOfAnAbandonedPrimaryIsNotRenewed() {
        for (Duration left : new Duration[] {Duration.ofSeconds(4), Duration.ofMillis(200)}) {
            Decision.Stop stop = expect(Decision.Stop.class, leader(abandoned()).holding(left, false));
            assertEquals(Decision.StopMode.IMMEDIATE, stop.mode());
        }
        expect(
                Decision.Wait.class,
                leader(abandoned()).holding(Duration.ofSeconds(4), false).busy(Task.Kind.STOP));
        // The lease has ended here, but the store still shows it: it is not taken up again.
        expect(Decision.Wait.class, with(abandoned(), Scene.of("n1")).postgres(silent(LocalPostgres.Process.RUNNING)));
    }

    @Test
    void abandonedPrimaryThatHasStoppedHandsTheLockOver() {
        expect(
                Decision.ReleaseLease.class,
                leader(abandoned()).postgres(Servers.stopped("in production")).holding(Duration.ofSeconds(2), false));
    }

    @Test
    void patienceFollowsTtlAndPrimaryStartTimeout() {
        assertEquals(Duration.ofSeconds(10), patience(300));
        assertEquals(Duration.ofSeconds(7), patience(7));
        assertEquals(Duration.ofSeconds(5), patience(0));
    }

    private static Duration patience(int primaryStartTimeout) {
        return WritePath.patience(Duration.ofSeconds(5), Duration.ofSeconds(primaryStartTimeout));
    }

    // --- A full disk ---

    @Test
    void memberWithoutRoomDoesNotStand() {
        Scene scene = Scene.replica()
                .unlocked()
                .answers(Answers.dead("n1"), Answers.standby("n3", 100))
                .situation(
                        new Memories().following("n1").writePath(room(31 << 20)).situation());
        Decision.Wait wait = expect(Decision.Wait.class, scene);
        assertTrue(wait.because().contains("only 31 MB are free"), wait.because());
        expect(
                Decision.AcquireLease.class,
                scene.situation(
                        new Memories().following("n1").writePath(room(32 << 20)).situation()));
    }

    @Test
    void primaryThatEndedOnAFullDiskLeavesTheLockToAnother() {
        Scene scene = leader(room(3 << 20)).postgres(Servers.stopped("in production"));
        expect(Decision.AskPeers.class, scene);
        Decision.ReleaseLease release = expect(Decision.ReleaseLease.class, scene.answers(HEALTHY));
        assertTrue(release.because().contains("only 3 MB are free"), release.because());
    }

    @Test
    void primaryThatEndedOnAFullDiskIsTriedAgainIfThereIsNobodyElse() {
        expect(
                Decision.StartPrimary.class,
                leader(room(3 << 20))
                        .postgres(Servers.stopped("in production"))
                        .answers(Answers.dead("n2"), Answers.dead("n3")));
    }

    @Test
    void primaryWithLittleRoomThatStillWritesStays() {
        Decision.Wait wait = expect(Decision.Wait.class, leader(room(1)).answers(HEALTHY));
        assertTrue(wait.because().startsWith("no action"), wait.because());
    }
}
