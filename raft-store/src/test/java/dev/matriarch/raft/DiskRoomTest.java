package dev.matriarch.raft;

import static dev.matriarch.raft.DiskRoom.BALLAST;
import static dev.matriarch.raft.DiskRoom.PLENTY;
import static dev.matriarch.raft.DiskRoom.TOO_LITTLE;
import static dev.matriarch.raft.DiskRoom.TO_START;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.raft.DiskRoom.Step;
import org.junit.jupiter.api.Test;

/** Free space, and what follows from it. */
class DiskRoomTest {
    @Test
    void theBallastGoesBeforeTheStoreDoes() {
        assertEquals(Step.GIVE_UP_BALLAST, DiskRoom.next(TOO_LITTLE - 1, true));
        assertEquals(Step.STOP, DiskRoom.next(TOO_LITTLE - 1, false));
        assertEquals(Step.NONE, DiskRoom.next(TOO_LITTLE, false));
    }

    @Test
    void aBallastIsKeptWhereItTakesNothingFromAnybody() {
        assertEquals(Step.KEEP_BALLAST, DiskRoom.next(BALLAST + PLENTY, false));
        assertEquals(Step.NONE, DiskRoom.next(BALLAST + PLENTY - 1, false));
        assertEquals(Step.NONE, DiskRoom.next(Long.MAX_VALUE, true));
    }

    @Test
    void noStepLeadsStraightToItsOpposite() {
        assertEquals(Step.NONE, DiskRoom.next(PLENTY, true), "the ballast was written");
        assertEquals(Step.NONE, DiskRoom.next(TOO_LITTLE - 1 + BALLAST, false), "the ballast was given up");
        assertEquals(Step.NONE, DiskRoom.next(TO_START, false), "the store was started again");
        assertTrue(TO_START - TOO_LITTLE > 16 << 20, "Ratis starts with 16 MB, and something must be left to run with");
    }
}
