package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** What a member answers to "would you lead if the leader died now?". */
class CandidacyTest {
    private static Candidacy asked(Scene scene, Survey.Answer... others) {
        return Candidacy.of(scene.observation(), new Survey(List.of(others)));
    }

    private static void not(String why, Candidacy candidacy) {
        assertFalse(candidacy.promotable(), candidacy::toString);
        assertTrue(candidacy.why().contains(why), candidacy::toString);
    }

    @Test
    void aHealthyReplicaWouldLeadAlthoughTheLeaderLives() {
        Survey.Answer alive = new Survey.Answer("n1", true, true, false, new dev.matriarch.dcs.Lsn(200), 1, false, 1);
        Candidacy candidacy = asked(Scene.replica(), alive, Answers.standby("n3", 100));
        assertTrue(candidacy.promotable(), candidacy::toString);
        assertEquals("0/64", candidacy.position().toString());
        assertEquals(1, candidacy.timeline());
    }

    @Test
    void theRaceItselfSaysWhyNot() {
        not("n3 is ahead of me", asked(Scene.replica(), Answers.standby("n3", 101)));
        not(
                "not allowed to promote",
                asked(Scene.replica().tagged(Map.of("nofailover", true)), Answers.standby("n3", 1)));
        not("exceeds maximum replication lag", asked(Scene.replica().optime(5_000_000), Answers.standby("n3", 1)));
    }

    @Test
    void whoCannotStandAtAllSaysSo() {
        not("it is the leader", asked(Scene.leader(), Answers.standby("n2", 100)));
        not("paused", asked(Scene.replica().paused(), Answers.standby("n3", 100)));
        not(
                "PostgreSQL is not running",
                asked(Scene.replica().postgres(Servers.stopped("shut down in recovery")), Answers.standby("n3", 100)));
        not("store cannot be reached: no quorum", asked(Scene.replica().storeLost(), Answers.standby("n3", 100)));
        Situation back = new Memories()
                .standBackUntil(Scene.NOW + Duration.ofSeconds(4).toNanos())
                .situation();
        not("leaves it to others for another 4 s", asked(Scene.replica().situation(back), Answers.standby("n3", 100)));
        assertEquals(OptionalLong.empty(), Situation.fresh().standBackUntil());
    }
}
