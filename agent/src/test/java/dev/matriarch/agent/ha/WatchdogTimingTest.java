package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class WatchdogTimingTest {
    private static final SafetyMargin NARROWEST = new SafetyMargin.Narrowest();
    private static final SafetyMargin HALF = new SafetyMargin.HalfTheTtl();

    private static Duration ms(long millis) {
        return Duration.ofMillis(millis);
    }

    private static WatchdogTiming possible(long ttl, long loopWait, SafetyMargin margin) {
        return assertInstanceOf(WatchdogTiming.Plan.Possible.class, WatchdogTiming.plan(ms(ttl), ms(loopWait), margin))
                .timing();
    }

    private static String impossible(long ttl, long loopWait, SafetyMargin margin) {
        return assertInstanceOf(
                        WatchdogTiming.Plan.Impossible.class, WatchdogTiming.plan(ms(ttl), ms(loopWait), margin))
                .why();
    }

    private static SafetyMargin of(long millis) {
        return new SafetyMargin.Of(ms(millis));
    }

    @Test
    void narrowestMarginIsTheLongestWholeSecondThatLeavesARenewalItsTime() {
        assertEquals(29, possible(30_000, 10_000, NARROWEST).seconds());
        assertEquals(9, possible(10_000, 1_000, NARROWEST).seconds());
        assertEquals(4, possible(5_000, 1_000, NARROWEST).seconds());
        assertEquals(2, possible(3_000, 1_000, NARROWEST).seconds());
    }

    @Test
    void decimalsOfTheTtlAreRoundedToTheSafeSide() {
        assertEquals(5, possible(5_500, 1_000, NARROWEST).seconds());
        assertEquals(4, possible(5_499, 1_000, NARROWEST).seconds());
        assertEquals(2, possible(5_500, 1_000, HALF).seconds());
        assertEquals(25, possible(30_500, 10_000, of(5_000)).seconds());
    }

    @Test
    void patronisMarginsGivePatronisTimeouts() {
        assertEquals(25, possible(30_000, 10_000, of(5_000)).seconds());
        assertEquals(15, possible(30_000, 10_000, HALF).seconds());
        assertEquals(10, possible(20_000, 5_000, HALF).seconds());
    }

    @Test
    void whatCannotWorkIsRefusedWithWhatToChange() {
        String tooShort = impossible(5_000, 1_000, of(5_000));
        assertTrue(tooShort.contains("leader TTL 5 s leaves a time-out of 0 s"), tooShort);
        assertTrue(tooShort.contains("raise ttl to 8 s, or lower loop_wait or watchdog.safety_margin"), tooShort);
        assertEquals(2, possible(7_000, 200, of(5_000)).seconds());

        String halfOfLittle = impossible(3_000, 1_000, HALF);
        assertTrue(halfOfLittle.contains("loop_wait 1 s needs one of at least 1.6 s"), halfOfLittle);
        assertTrue(halfOfLittle.contains("raise ttl to 4 s"), halfOfLittle);

        String tooLate = impossible(5_000, 1_000, of(0));
        assertTrue(tooLate.contains("set watchdog.safety_margin to at least 0.5"), tooLate);
    }

    /** The order that the whole page docs/watchdog.md is about, for every ttl. */
    @Test
    void ringsLieInsideEachOtherWhateverTheTtl() {
        for (long ttl = 1_000; ttl <= 120_000; ttl += 37) {
            for (SafetyMargin margin : new SafetyMargin[] {NARROWEST, HALF, of(1_000), of(5_000), of(12_345)}) {
                if (!(WatchdogTiming.plan(ms(ttl), ms(500), margin)
                        instanceof WatchdogTiming.Plan.Possible(WatchdogTiming timing))) {
                    continue;
                }
                Duration end = ms(ttl);
                Duration mine = end.minus(timing.earlier());
                Duration firstReset = Duration.ofSeconds(timing.seconds());
                Duration lastReset = timing.longestRenewal().plus(firstReset);
                assertTrue(mine.minus(Rings.agentStops(end)).compareTo(ms(500)) > 0, timing.toString());
                assertTrue(mine.minus(Rings.guardKills(end)).compareTo(firstReset) < 0, timing.toString());
                assertTrue(lastReset.compareTo(end) < 0, timing.toString());
                assertTrue(timing.longestRenewal().compareTo(ms(300)) > 0, timing.toString());
            }
        }
    }

    @Test
    void applianceProfileInFigures() {
        WatchdogTiming timing = possible(5_000, 1_000, NARROWEST);
        assertEquals(ms(850), timing.earlier());
        assertEquals(ms(900), timing.longestRenewal());
    }

    @Test
    void whatTheDeviceTookInsteadIsJudged() {
        WatchdogTiming timing = possible(30_000, 10_000, NARROWEST);
        assertTrue(timing.judge(29, ms(10_000)).isEmpty());
        assertTrue(timing.judge(20, ms(10_000)).isEmpty());
        assertEquals(
                "Watchdog timeout 60 seconds does not ensure safe termination within 30 seconds",
                timing.judge(60, ms(10_000)).orElseThrow().sentence());
        assertTrue(timing.judge(60, ms(10_000)).orElseThrow().tooLong());
        assertTrue(!timing.judge(8, ms(10_000)).orElseThrow().tooLong());
    }
}
