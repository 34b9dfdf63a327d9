package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import org.junit.jupiter.api.Test;

/** The store has lost everything: who leads fills it again, and nobody else takes the lock meanwhile. */
class WipedStoreTest {
    @Test
    void aReplicaDoesNotTakeTheLockOfAStoreThatKnowsNothing() {
        Scene wiped = Scene.replica()
                .unlocked()
                .uninitialized()
                .without("n1")
                .without("n2")
                .without("n3");
        Decision.Wait wait = assertInstanceOf(Decision.Wait.class, wiped.decide());
        assertEquals(NewCluster.FORGOTTEN, wait.because());
    }

    @Test
    void thePrimaryTakesItAtOnce() {
        Scene wiped =
                Scene.of("n1").unlocked().uninitialized().postgres(Servers.running(Servers.status(false, 100, 1)));
        assertInstanceOf(Decision.AcquireLease.class, wiped.decide());
    }
}
