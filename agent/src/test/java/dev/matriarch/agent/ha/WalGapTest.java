package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A healthy replica whose leader was cloned after the point up to which the replica has WAL. */
class WalGapTest {
    private static final String FILE = "000000020000000000000005";
    private static final String WRONG = "cannot catch up: the leader n1 no longer has the WAL file " + FILE;

    private static LocalPostgres at(long lsn, boolean streaming) {
        Lsn here = new Lsn(lsn);
        return Servers.running(new LocalPostgres.Status(
                true,
                1,
                here,
                here,
                here,
                false,
                Optional.empty(),
                streaming,
                "",
                true,
                "on",
                List.of(),
                Servers.status(true, lsn, 1).slots(),
                150_000,
                "2026-01-01",
                Map.of()));
    }

    private static Memories found() {
        return new Memories()
                .following("n1")
                .divergence(new Divergence.None(Optional.of(new WalGap(FILE, new Lsn(100)))));
    }

    private static Scene stuck() {
        return Scene.of("n2").ledBy("n1").postgres(at(100, false)).situation(found().situation());
    }

    private static String said(Scene scene) {
        return assertInstanceOf(Decision.Wait.class, scene.decide()).because();
    }

    @Test
    void itIsSaidAndNothingIsRemovedByItself() {
        String sentence = said(stuck());
        assertTrue(sentence.startsWith(WRONG), sentence);
        assertTrue(sentence.contains("run reinit"), sentence);
        assertTrue(sentence.contains("restore_command"), sentence);
    }

    @Test
    void explainSaysItBesideTheRacesOwnSentence() {
        Candidacy behind = Candidacy.of(stuck().observation(), new Survey(List.of(Answers.standby("n3", 101))));
        assertFalse(behind.promotable(), behind::toString);
        assertTrue(behind.why().contains("n3 is ahead of me"), behind.why());
        assertTrue(behind.why().contains("; " + WRONG), behind.why());
        Candidacy best = Candidacy.of(stuck().observation(), new Survey(List.of(Answers.standby("n3", 100))));
        assertTrue(best.promotable(), best::toString);
        assertTrue(best.why().contains("; " + WRONG), best.why());
    }

    @Test
    void itIsNotSaidOfAnotherLeaderNorOnceWalComes() {
        assertEquals(true, said(stuck()).startsWith(WRONG));
        assertTrue(said(stuck().postgres(at(100, true))).startsWith(WRONG), "a try that is about to be refused");
        assertFalse(said(stuck().postgres(at(101, true))).contains("cannot catch up"), "it streams");
        assertFalse(said(stuck().postgres(at(101, false))).contains("cannot catch up"), "it came from elsewhere");
        Scene other = stuck().situation(found().following("n3").situation());
        assertEquals(Optional.empty(), WalGap.sentence(other.observation()), "another upstream may have it");
        Scene older = stuck().situation(found().divergenceEpoch(5).situation());
        assertEquals(Optional.empty(), WalGap.sentence(older.observation()), "of the leader before");
        Scene remote = stuck().standbyCluster(new StandbyCluster("10.9.0.1", "5432", "", "", "", "", List.of()));
        assertEquals(Optional.empty(), WalGap.sentence(remote.observation()), "compared with the remote cluster");
        assertEquals(Optional.empty(), WalGap.sentence(stuck().unlocked().observation()), "nobody leads");
    }
}
