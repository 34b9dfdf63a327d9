package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** A change that may have happened is not told of as a refusal. */
class UnknownOutcomeTest {
    @Test
    void aRefusalIsKnownAndALostAnswerIsNot() {
        assertFalse(new StoreGroup.Result(false, "no").unknown());
        StoreGroup.Result lost = StoreGroup.Result.unknown("no answer");
        assertTrue(lost.unknown());
        assertFalse(lost.done());
        assertEquals("no answer", lost.message());
    }
}
