package dev.matriarch.agent.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.time.ZoneId;
import org.junit.jupiter.api.Test;

class LogTimeTest {
    private static final long AT = Instant.parse("2026-02-03T09:05:07.008Z").toEpochMilli();
    private static final ZoneId ZONE = ZoneId.of("Europe/Vienna");

    @Test
    void theStandardHasACommaBeforeTheMilliseconds() {
        assertEquals("2026-02-03 10:05:07,008", LogTime.STANDARD.text(AT, ZONE));
    }

    @Test
    void codesAreThoseOfStrftime() {
        assertEquals(
                "2026-02-03T10:05:07+0100", LogTime.of("%Y-%m-%dT%H:%M:%S%z").text(AT, ZONE));
        assertEquals(
                "Tue Tuesday Feb February  3 26 034 10 AM CET",
                LogTime.of("%a %A %b %B %e %y %j %I %p %Z").text(AT, ZONE));
        assertEquals("1770109507 100% 008000", LogTime.of("%s 100%% %f").text(AT, ZONE));
        assertEquals("2026-02-03 10:05:07", LogTime.of("%F %T").text(AT, ZONE));
    }

    @Test
    void unknownCodesAreNamed() {
        assertTrue(assertThrows(IllegalArgumentException.class, () -> LogTime.of("%Q"))
                .getMessage()
                .contains("%Q"));
        assertThrows(IllegalArgumentException.class, () -> LogTime.of("50%"));
    }
}
