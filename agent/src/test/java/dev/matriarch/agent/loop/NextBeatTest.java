package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.sim.SimConfig;
import java.time.Duration;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class NextBeatTest {
    private static final long MILLI = 1_000_000L;
    private static final long STARTED = 100_000 * MILLI;
    private static final Settings SETTINGS = settings("{\"ttl\": 5, \"loop_wait\": 1, \"retry_timeout\": 2}");

    private static Settings settings(String json) {
        return new SettingsSource(SimConfig.of("n1", false), json).current().settings();
    }

    /** In milliseconds after the last one began. */
    private static long after(Decision decided, Settings settings, OptionalLong leaseEnds, long nowMillis) {
        return (NextBeat.at(STARTED, decided, settings, leaseEnds, STARTED + nowMillis * MILLI) - STARTED) / MILLI;
    }

    private static long after(Decision decided) {
        return after(decided, SETTINGS, OptionalLong.empty(), 10);
    }

    @Test
    void whoWaitsSleepsUntilTheLoopsTimeAndNoLonger() {
        assertEquals(1000, after(Decision.idle("")));
        assertEquals(300, after(Decision.soon("", Duration.ofMillis(300))));
        assertEquals(1000, after(Decision.soon("", Duration.ofHours(1))));
        assertEquals(1120, after(Decision.idle(""), SETTINGS, OptionalLong.empty(), 1100), "late, but not at once");
    }

    @Test
    void whatWasBegunIsLookedAtSoon() {
        assertEquals(30, after(new Decision.Bootstrap("")));
    }

    @Test
    void aLeaderIsAwakeBeforeItsLeaseEnds() {
        OptionalLong ends = OptionalLong.of(STARTED + SETTINGS.safetyMargin().toNanos() + 400 * MILLI);
        assertEquals(400, after(Decision.idle(""), SETTINGS, ends, 10));
        assertEquals(520, after(Decision.idle(""), SETTINGS, ends, 500));
        Settings paused = settings("{\"ttl\": 5, \"loop_wait\": 1, \"retry_timeout\": 2, \"pause\": true}");
        assertEquals(1000, after(Decision.idle(""), paused, ends, 10), "nothing is fenced in a pause");
    }
}
