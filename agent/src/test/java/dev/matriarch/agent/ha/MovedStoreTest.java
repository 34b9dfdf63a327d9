package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.MovedAway;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The store was closed in a move to another one: nobody leads by it any more, whoever comes back to it. */
class MovedStoreTest {
    private static final String CLOSED = new MovedAway("raft", true).text();

    private static Scene closed(Scene scene) {
        return scene.initialize(CLOSED).unlocked();
    }

    private static void assertWaits(Scene scene) {
        Decision.Wait wait = assertInstanceOf(Decision.Wait.class, scene.decide());
        assertTrue(wait.because().contains("moved to the store raft"), wait.because());
        assertTrue(wait.because().contains("migrate --to raft"), wait.because());
    }

    @Test
    void whoComesBackStartsNothingAndStandsForNothing() {
        for (LocalPostgres server : List.of(
                Servers.replica(100),
                Servers.stopped("shut down"),
                Servers.stopped("in production"),
                Servers.empty())) {
            assertWaits(closed(Scene.replica().postgres(server)));
            assertWaits(closed(Scene.replica().postgres(server)).paused());
        }
        assertWaits(Scene.replica().initialize(CLOSED));
    }

    @Test
    void aPrimaryThatWasNotInAPauseWhenItSawItsClusterLastEnds() {
        Decision.Stop stop = assertInstanceOf(
                Decision.Stop.class,
                closed(Scene.of("n1").postgres(Servers.primary(100))).decide());
        assertEquals(Decision.StopMode.IMMEDIATE, stop.mode());
    }

    @Test
    void inThePauseOfTheMoveThePrimaryGoesOnWithoutItsLock() {
        assertInstanceOf(
                Decision.ReleaseLease.class,
                Scene.leader().initialize(CLOSED).paused().decide());
        assertWaits(closed(Scene.of("n1").postgres(Servers.primary(100))).paused());
    }

    @Test
    void anAgentThatIsToEndEnds() {
        assertInstanceOf(
                Decision.Stop.class,
                closed(Scene.replica()).order(new Order.Shutdown()).decide());
    }

    @Test
    void toAnAgentThatKnowsNothingOfMovesItIsAnotherClusters() {
        assertTrue(OwnData.isValid(CLOSED));
        for (String store : MovedAway.STORES) {
            for (boolean resume : new boolean[] {true, false}) {
                MovedAway away = new MovedAway(store, resume);
                assertEquals(Optional.of(away), MovedAway.of(away.text()));
            }
        }
        for (String other : List.of("", Scene.SYSTEM, "0", "00000000000000000000", "00000000000000000990")) {
            assertEquals(Optional.empty(), MovedAway.of(other), other);
        }
    }

    @Test
    void aTaskThatRunsIsNotDisturbed() {
        assertInstanceOf(
                Decision.Wait.class,
                closed(Scene.replica())
                        .busySince(Task.Kind.CLONE, Duration.ofSeconds(1))
                        .decide());
    }
}
