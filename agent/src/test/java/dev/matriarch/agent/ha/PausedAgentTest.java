package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** An agent that stood still for longer than its lease, with what it remembers and what it reads first. */
class PausedAgentTest {
    private static <D extends Decision> D expect(Class<D> kind, Scene scene) {
        Decision decision = scene.decide();
        return assertInstanceOf(kind, decision, decision::toString);
    }

    /** What it saw before the pause does not count: the deadline is compared with the time of now. */
    @Test
    void leaseThatEndedDuringThePauseStopsThePrimary() {
        for (Duration left : new Duration[] {Duration.ofSeconds(-60), Duration.ZERO, Duration.ofMillis(750)}) {
            assertEquals(
                    Decision.StopMode.IMMEDIATE,
                    expect(Decision.Stop.class, Scene.leader().holding(left, true))
                            .mode());
        }
    }

    @Test
    void whatEndsInAWritablePrimaryEndsWithTheLease() {
        for (Task.Kind kind : new Task.Kind[] {Task.Kind.PROMOTE, Task.Kind.START_PRIMARY, Task.Kind.RESTART}) {
            expect(Decision.Stop.class, Scene.of("n1").ledBy("n2").busy(kind));
            expect(Decision.Stop.class, Scene.of("n1").unlocked().busy(kind));
        }
    }

    @Test
    void primaryThatFindsAnotherLeaderStops() {
        expect(Decision.Stop.class, Scene.of("n1").ledBy("n2"));
    }

    /** Its copy of the store may be as old as the pause: only a conditioned write may say that it still leads. */
    @Test
    void lockThatStillBearsItsNameIsAskedForAgainBeforeAnythingIsDone() {
        assertEquals(5, expect(Decision.RenewLease.class, Scene.of("n1")).epoch());
        expect(Decision.RenewLease.class, Scene.of("n1").postgres(Servers.replica(100)));
        expect(Decision.RenewLease.class, Scene.of("n1").postgres(Servers.stopped("in production")));
    }

    @Test
    void standbyThatSleptAsksTheOthersBeforeItStands() {
        expect(Decision.AskPeers.class, Scene.replica().unlocked());
    }
}
