package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** The wall clock may jump: only what was scheduled by it depends on it. */
class ClockJumpTest {
    private static final Instant TIME = Instant.parse("2026-01-01T00:00:00Z");
    private static final List<Duration> JUMPS = List.of(
            Duration.ofMinutes(-10),
            Duration.ofMinutes(10),
            Duration.ofDays(-400),
            Duration.ofDays(400),
            Duration.ZERO);

    @Test
    void noDecisionButAScheduledOneDependsOnTheWallClock() {
        Map<Class<? extends Decision>, Supplier<Scene>> scenes = Map.ofEntries(
                Map.entry(Decision.RenewLease.class, () -> Scene.leader().holding(Duration.ofSeconds(4), false)),
                Map.entry(Decision.Wait.class, Scene::leader),
                Map.entry(Decision.Stop.class, () -> Scene.leader().holding(Duration.ofMillis(600), false)),
                Map.entry(
                        Decision.AcquireLease.class,
                        () -> Scene.replica().unlocked().answers(Answers.dead("n1"), Answers.standby("n3", 100))),
                Map.entry(Decision.AskPeers.class, () -> Scene.replica().unlocked()),
                Map.entry(Decision.StartPrimary.class, () -> Scene.leader().postgres(Servers.stopped("in production"))),
                Map.entry(Decision.CheckDivergence.class, () -> Scene.of("n2").postgres(Servers.stopped("shut down"))));
        scenes.forEach((kind, scene) -> {
            for (Duration jump : JUMPS) {
                Decision decision = scene.get().wallClock(TIME.plus(jump)).decide();
                assertEquals(kind, decision.getClass(), () -> decision + " after " + jump);
                assertEquals(scene.get().decide(), decision);
            }
        });
    }

    private static Decision scheduled(Duration fromNow) {
        return Scene.leader()
                .askedFor(TIME.plus(fromNow), "n1", "n2")
                .answers(Answers.standby("n2", 100), Answers.standby("n3", 100))
                .decide();
    }

    @Test
    void scheduledSwitchoverWaitsForItsTime() {
        assertTrue(scheduled(Duration.ofMinutes(10)).because().startsWith("no action"));
        Decision.Wait soon = assertInstanceOf(Decision.Wait.class, scheduled(Duration.ofMillis(400)));
        assertEquals(Duration.ofMillis(400), soon.atMost().orElseThrow());
        assertEquals(
                "the time of the scheduled switchover has come",
                assertInstanceOf(Decision.WriteFailover.class, scheduled(Duration.ofMillis(-1)))
                        .because());
    }

    /** A clock that jumped forward over the moment must not surprise anybody at another one. */
    @Test
    void scheduledSwitchoverThatTheClockJumpedOverIsDropped() {
        Decision.WriteFailover dropped =
                assertInstanceOf(Decision.WriteFailover.class, scheduled(Duration.ofMinutes(-3)));
        assertTrue(dropped.request().isEmpty());
        assertTrue(dropped.because().startsWith("Found a stale switchover value"), dropped.because());
    }

    @Test
    void clockThatJumpsBackOnlyDelaysTheSwitchover() {
        assertTrue(scheduled(Duration.ofMinutes(3)).because().startsWith("no action"));
    }
}
