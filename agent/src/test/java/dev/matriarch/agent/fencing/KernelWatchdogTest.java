package dev.matriarch.agent.fencing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.WatchdogConfig;
import dev.matriarch.agent.config.WatchdogConfig.Mode;
import dev.matriarch.agent.ha.SafetyMargin;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Timings;
import dev.matriarch.agent.ha.Watchdog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelWatchdogTest {
    @TempDir
    Path dir;

    private final ScriptedWatchdog device = new ScriptedWatchdog();
    private WatchdogConfig config;
    private KernelWatchdog watchdog;
    private long now = 1_000_000_000_000L;

    @BeforeEach
    void start() throws IOException {
        config = new WatchdogConfig(
                Mode.REQUIRED, Files.createFile(dir.resolve("device")), new SafetyMargin.Narrowest());
        watchdog = agent();
    }

    private KernelWatchdog agent() {
        return new KernelWatchdog(() -> config, path -> device.open(), () -> now, dir);
    }

    private void mode(Mode mode) {
        config = new WatchdogConfig(mode, config.device(), config.margin());
    }

    private static Settings ttl(double seconds) {
        return Timings.of(Duration.ofMillis((long) (seconds * 1000)), Duration.ofSeconds(1), Duration.ofSeconds(1));
    }

    private Watchdog.State state() {
        return watchdog.view(ttl(5)).state();
    }

    private void pass(long millis) {
        now += millis * 1_000_000;
    }

    private static List<String> list(String... all) {
        return List.of(all);
    }

    @Test
    void startsWithTheTimeoutOfTheArithmeticAndAKeepalive() {
        assertEquals(Watchdog.State.READY, state());
        assertFalse(watchdog.holds());
        assertEquals(Duration.ZERO, watchdog.earlier());
        watchdog.activate(ttl(5), now);
        assertEquals(list("open", "timeout 4", "keepalive"), device.told);
        assertEquals(Watchdog.State.RUNNING, state());
        assertTrue(watchdog.holds());
        assertEquals(Duration.ofMillis(850), watchdog.earlier());
        assertEquals(Optional.of(Duration.ofMillis(900)), watchdog.longestRenewal());
    }

    @Test
    void halfTheTtlIsReadBack() {
        config = new WatchdogConfig(Mode.REQUIRED, config.device(), new SafetyMargin.HalfTheTtl());
        watchdog.activate(ttl(30), now);
        assertEquals(15, device.timeout);
    }

    @Test
    void isNotStartedOnARenewalThatIsTooOld() {
        watchdog.activate(ttl(5), now - 901_000_000L);
        assertEquals(list(), device.told);
        assertEquals(Watchdog.State.READY, state());
    }

    @Test
    void isFedOnlyByARenewalThatWasQuickEnough() {
        watchdog.activate(ttl(5), now);
        device.told.clear();
        assertTrue(watchdog.feed(ttl(5), now - 900_000_000L));
        assertEquals(list("keepalive"), device.told);
        assertFalse(watchdog.feed(ttl(5), now - 901_000_000L));
        assertEquals(list("keepalive"), device.told);
    }

    @Test
    void renewalDuringWhichTheAgentWasPausedDoesNotCount() {
        watchdog.activate(ttl(5), now);
        device.onKeepalive = () -> pass(2_000);
        assertFalse(watchdog.feed(ttl(5), now));
    }

    @Test
    void deviceThatTakesALongerTimeoutIsUselessIfRequired() {
        device.shortest = 30;
        watchdog.activate(ttl(5), now);
        assertEquals(list("open", "timeout 4", "stop"), device.told);
        Watchdog view = watchdog.view(ttl(5));
        assertTrue(view.failed());
        assertEquals(
                "Could not activate watchdog: Watchdog timeout 30 seconds does not ensure safe termination within 5"
                        + " seconds",
                view.why());
    }

    @Test
    void deviceThatTakesALongerTimeoutIsBetterThanNothingIfAutomatic() {
        mode(Mode.AUTOMATIC);
        device.shortest = 30;
        watchdog.activate(ttl(5), now);
        assertEquals(Watchdog.State.RUNNING, state());
        assertEquals(Duration.ZERO, watchdog.earlier());
        assertTrue(watchdog.longestRenewal().isEmpty());
        assertTrue(watchdog.feed(ttl(5), now - 3_000_000_000L));
    }

    @Test
    void shorterTimeoutThanAskedForMovesTheRingsFurther() {
        device.longest = 3;
        watchdog.activate(ttl(5), now);
        assertEquals(Duration.ofMillis(1850), watchdog.earlier());
    }

    @Test
    void timeoutTooShortForTheHeartbeatIsRefusedInEveryMode() {
        mode(Mode.AUTOMATIC);
        device.longest = 1;
        watchdog.activate(ttl(5), now);
        assertEquals(Watchdog.State.UNUSABLE, state());
        assertEquals("stop", device.told.getLast());
    }

    @Test
    void deviceWhoseTimeoutIsFixedIsTakenIfItFits() {
        device.support = new ScriptedWatchdog.Support("Fixed", false, true);
        device.timeout = 3;
        watchdog.activate(ttl(5), now);
        assertEquals(list("open", "keepalive"), device.told);
        assertEquals(Watchdog.State.RUNNING, state());
    }

    @Test
    void unusableForTenSecondsAfterAFailureThenTriedAgain() {
        device.opens = false;
        watchdog.activate(ttl(5), now);
        assertTrue(watchdog.view(ttl(5)).failed());
        pass(9_999);
        assertTrue(watchdog.view(ttl(5)).failed());
        pass(1);
        assertEquals(Watchdog.State.READY, state());
    }

    @Test
    void missingDeviceIsKnownWithoutOpeningIt() throws IOException {
        Files.delete(config.device());
        assertTrue(watchdog.view(ttl(5)).failed());
        mode(Mode.AUTOMATIC);
        assertEquals(Watchdog.State.UNUSABLE, state());
        assertFalse(watchdog.view(ttl(5)).failed());
        mode(Mode.OFF);
        assertEquals(Watchdog.State.OFF, state());
        assertEquals(list(), device.told);
    }

    @Test
    void timingThatCannotWorkMakesItUnusable() {
        config = new WatchdogConfig(Mode.REQUIRED, config.device(), new SafetyMargin.Of(Duration.ofSeconds(5)));
        assertTrue(watchdog.view(ttl(5)).failed());
        assertEquals(Watchdog.State.READY, watchdog.view(ttl(10)).state());
    }

    @Test
    void changedTtlSetsTheTimeoutAnew() {
        watchdog.activate(ttl(5), now);
        device.told.clear();
        assertTrue(watchdog.feed(ttl(10.5), now));
        assertEquals(list("timeout 9", "keepalive"), device.told);
        // The kernel takes a new time-out for a keepalive: not for a renewal that is too old.
        device.told.clear();
        assertFalse(watchdog.feed(ttl(5.5), now - 600_000_000L));
        assertEquals(list(), device.told);
    }

    /** The renewal may take effect although nobody hears of it: from then on the host may live for 4 s, not for 29. */
    @Test
    void shorterTtlShortensTheTimeoutBeforeItIsAskedFor() {
        watchdog.activate(ttl(30), now);
        assertEquals(29, device.timeout);
        device.told.clear();
        pass(1_000);
        assertTrue(watchdog.renewing(ttl(30), now));
        assertEquals(list(), device.told);
        assertTrue(watchdog.renewing(ttl(5), now));
        assertEquals(list("timeout 4"), device.told);
        assertEquals(Duration.ofMillis(850), watchdog.earlier());
        // Known already.
        assertTrue(watchdog.renewing(ttl(5), now));
        assertTrue(watchdog.feed(ttl(5), now));
        assertEquals(list("timeout 4", "keepalive"), device.told);
    }

    @Test
    void resetThatIsDueAnywayIsNotPutOffByAShorterTimeout() {
        watchdog.activate(ttl(30), now);
        device.told.clear();
        // The device has 4 s left of its 29, the shorter lease would last for 5.
        pass(25_000);
        assertTrue(watchdog.renewing(ttl(5), now));
        assertEquals(list(), device.told);
    }

    @Test
    void renewalIsNotSentIfShorteningTheTimeoutTookTooLong() {
        watchdog.activate(ttl(30), now);
        device.told.clear();
        assertFalse(watchdog.renewing(ttl(5), now - 901_000_000L));
        assertEquals(list(), device.told);
    }

    @Test
    void switchedOffByTheConfigurationItStops() {
        watchdog.activate(ttl(5), now);
        mode(Mode.OFF);
        assertTrue(watchdog.feed(ttl(5), now));
        assertEquals("stop", device.told.getLast());
        assertEquals(Duration.ZERO, watchdog.earlier());
    }

    @Test
    void failingKeepaliveMakesARequiredOneUnusableButLeavesItRunning() {
        watchdog.activate(ttl(5), now);
        device.takesKeepalives = false;
        assertTrue(watchdog.feed(ttl(5), now));
        assertTrue(watchdog.view(ttl(5)).failed());
        assertFalse(device.told.contains("stop"));
        watchdog.disarm();
        assertEquals("stop", device.told.getLast());
    }

    @Test
    void isStoppedWhenNothingCanWriteAndLeftRunningWhenPostgresqlIs() {
        watchdog.activate(ttl(5), now);
        watchdog.close(false);
        assertFalse(device.told.contains("stop"));
        assertFalse(device.told.contains("abandon"));
        watchdog.close(true);
        assertEquals("stop", device.told.getLast());
    }

    @Test
    void deviceThatCannotBeStoppedIsFedOnceMore() {
        device.support = new ScriptedWatchdog.Support("For ever", true, false);
        watchdog.activate(ttl(5), now);
        device.told.clear();
        watchdog.disarm();
        assertEquals(list("keepalive", "abandon"), device.told);
    }

    @Test
    void whatAnEarlierAgentLeftRunningIsStoppedOnceNothingCanWrite() {
        watchdog.activate(ttl(5), now);
        KernelWatchdog next = agent();
        device.told.clear();
        next.disarm();
        assertEquals(list("open", "stop"), device.told);
        next.disarm();
        agent().disarm();
        assertEquals(list("open", "stop"), device.told);
    }

    @Test
    void whatAnEarlierAgentLeftRunningIsTakenOverWithTheLease() {
        watchdog.activate(ttl(5), now);
        watchdog = agent();
        device.told.clear();
        watchdog.activate(ttl(5), now);
        assertEquals(list("open", "timeout 4", "keepalive"), device.told);
        assertEquals(Watchdog.State.RUNNING, state());
    }

    @Test
    void aStateDirectoryOfAnEarlierBootMeansNothing() throws IOException {
        Files.writeString(dir.resolve("watchdog.running"), "another-boot " + config.device() + "\n");
        agent().disarm();
        assertEquals(list(), device.told);
    }
}
