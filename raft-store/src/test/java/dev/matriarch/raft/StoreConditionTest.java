package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.store.v1.GivenUp;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class StoreConditionTest {
    private static final GivenUp ORDER =
            GivenUp.newBuilder().setGroupId("old").setSuccessor("new").build();

    private final StoreCondition condition = new StoreCondition();

    @Test
    void whoeverIsTurnedAwayHearsTheWorstThatIsKnown() {
        condition.waitsFor("waiting for h2:1");
        assertEquals("waiting for h2:1", condition.unavailable());
        condition.broken("the disk is full");
        assertEquals("the disk is full", condition.unavailable());
        condition.close();
        assertEquals("the built-in store is closed", condition.unavailable());
    }

    @Test
    void anOrderWakesTheKeeperAndTimeWithoutOneDoesNot() throws Exception {
        assertFalse(condition.awaitOrder(1));
        CompletableFuture<Boolean> woken = CompletableFuture.supplyAsync(() -> {
            try {
                return condition.awaitOrder(50_000);
            } catch (InterruptedException e) {
                return false;
            }
        });
        condition.orderRebuild(false);
        assertTrue(woken.get(40, TimeUnit.SECONDS));
        assertTrue(condition.rebuildOrdered());
    }

    @Test
    void theOfficeIsHandedOverOnlyWhileTheLogIsWhole() {
        condition.orderRebuild(false);
        assertFalse(condition.takeHandOver());
        condition.orderRebuild(true);
        assertTrue(condition.takeHandOver());
        assertFalse(condition.takeHandOver(), "once");
    }

    @Test
    void aStoreIsGivenUpOnceAndOnlyByThoseWhoBelongToIt() {
        assertFalse(condition.orderGivingUp(ORDER, "other"::equals, "why"));
        assertTrue(condition.isSound());
        assertTrue(condition.orderGivingUp(ORDER, "old"::equals, "why"));
        assertEquals("why", condition.problem());
        assertTrue(condition.isSuperseded());
        assertFalse(condition.orderGivingUp(ORDER, "old"::equals, "again"));
        assertFalse(condition.mayBeRemoved(), "that would be another new peer");
        condition.hasGivenUp();
        assertTrue(condition.isSound());
        assertFalse(condition.isSuperseded());
    }

    @Test
    void nobodyIsGivenUpWhoFormsTheNextStoreOrIsClosed() {
        condition.orderReform();
        assertTrue(condition.isSuperseded());
        assertFalse(condition.orderGivingUp(ORDER, "old"::equals, "why"));
        condition.reforming();
        condition.close();
        assertFalse(condition.orderGivingUp(ORDER, "old"::equals, "why"));
    }

    @Test
    void aStoreThatWasStoppedStaysSuperseded() {
        condition.stopped();
        condition.hasGivenUp();
        assertTrue(condition.isSuperseded());
    }
}
