package dev.matriarch.kubernetes;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class HearingTest {
    private static final Duration PATIENCE = Duration.ofSeconds(15);

    private final Hearing hearing = new Hearing(PATIENCE);

    private static long at(int second) {
        return Duration.ofSeconds(second).toNanos();
    }

    @Test
    void quietIsNotDeaf() {
        hearing.heard(5);
        hearing.shown(5, at(0));
        assertFalse(hearing.isDeaf(at(1000)));
    }

    @Test
    void whatWasReadMayBeHeardALittleLater() {
        hearing.shown(5, at(0));
        assertFalse(hearing.isDeaf(at(15)));
        assertTrue(hearing.isDeaf(at(16)));
        hearing.heard(5);
        assertFalse(hearing.isDeaf(at(17)));
    }

    @Test
    void furtherChangesDoNotPutItOff() {
        for (int second = 0; second < 16; second++) {
            hearing.shown(5 + second, at(second));
        }
        assertTrue(hearing.isDeaf(at(16)));
    }

    @Test
    void aNewWatchNeedNotTellOfWhatWasReadBefore() {
        hearing.shown(5, at(0));
        hearing.begins();
        assertFalse(hearing.isDeaf(at(1000)));
        hearing.shown(6, at(1000));
        assertFalse(hearing.isDeaf(at(1001)));
        assertTrue(hearing.isDeaf(at(1016)));
    }

    @Test
    void anOlderListSaysNothing() {
        hearing.heard(5);
        hearing.shown(7, at(0));
        hearing.heard(7);
        hearing.shown(6, at(1));
        assertFalse(hearing.isDeaf(at(1000)));
    }
}
