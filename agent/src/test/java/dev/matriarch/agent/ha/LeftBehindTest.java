package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A data directory that the cluster has left behind, or that is not whole: rewound, removed, or left alone. */
class LeftBehindTest {
    private static final Divergence FOUND = new Divergence.Found("forked");

    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    private static Scene formerLeader() {
        return Scene.of("n1").ledBy("n2").postgres(Servers.stopped("shut down"));
    }

    private static Scene diverged() {
        return formerLeader().situation(new Memories().divergence(FOUND).situation());
    }

    /** pg_rewind compares with the leader's control file, which shows the new timeline only after a checkpoint. */
    @Test
    void rewindWaitsForTheCheckpointThatFollowsAPromotion() {
        Decision.Wait wait = expect(Decision.Wait.class, diverged().awaitsCheckpoint("n2"));
        assertEquals("Waiting for checkpoint on n2 before rewind", wait.because());
        expect(Decision.Rewind.class, diverged());
    }

    @Test
    void serverThatRunsIsStoppedBeforeItIsRewound() {
        Scene running = Scene.of("n1")
                .ledBy("n2")
                .postgres(notStreaming())
                .situation(new Memories().following("n2").divergence(FOUND).situation());

        Decision.Stop stop = expect(Decision.Stop.class, running);
        assertEquals(Decision.StopMode.FAST, stop.mode());
        assertTrue(stop.because().startsWith("stopping to rewind"), stop::toString);
    }

    private static LocalPostgres notStreaming() {
        Lsn here = new Lsn(100);
        return Servers.running(new LocalPostgres.Status(
                true,
                1,
                here,
                here,
                here,
                false,
                Optional.empty(),
                false,
                "",
                true,
                "on",
                List.of(),
                List.of(),
                150_000,
                "2026-01-01",
                Map.of()));
    }

    @Test
    void halfWrittenDirectoryIsNeverStarted() {
        expect(Decision.Discard.class, halfWritten());
        expect(Decision.Wait.class, halfWritten().paused());
        expect(Decision.Wait.class, halfWritten().unlocked());
    }

    private static Scene halfWritten() {
        return formerLeader()
                .postgres(new LocalPostgres(
                        LocalPostgres.DataDirectory.HALF_WRITTEN,
                        Optional.of(Scene.SYSTEM),
                        LocalPostgres.Process.STOPPED,
                        Servers.stopped("shut down").control(),
                        Optional.empty(),
                        ""));
    }

    /** It handed the lock over, and so comes back even in a pause; what cannot be rewound stays as it is. */
    @Test
    void nothingIsRemovedInAPause() {
        Memories failed = new Memories().divergence(FOUND).rewindFailed().wishes(Wishes.NONE.withHandedOver(true));
        expect(Decision.Discard.class, formerLeader().situation(failed.situation()));
        Decision.Wait wait = expect(
                Decision.Wait.class,
                formerLeader().situation(failed.situation()).paused());
        assertTrue(wait.because().endsWith("nothing is removed while the cluster is paused"), wait::toString);
    }
}
