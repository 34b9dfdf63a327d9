package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.WatchdogConfig;
import dev.matriarch.agent.fencing.EndedGuards;
import dev.matriarch.agent.fencing.GuardPair;
import dev.matriarch.agent.fencing.KernelWatchdog;
import dev.matriarch.agent.fencing.ScriptedWatchdog;
import dev.matriarch.agent.fencing.Uptime;
import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.SafetyMargin;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Timings;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Lsn;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real guards, whose notes tell what they were told; store, clock and watchdog do what a test says. */
class LeaseKeeperTest {
    private static final Settings SETTINGS =
            Timings.of(Duration.ofSeconds(5), Duration.ofSeconds(1), Duration.ofSeconds(2));

    @TempDir
    Path dir;

    private GuardPair guard;
    private final ScriptedWatchdog device = new ScriptedWatchdog();
    private KernelWatchdog watchdog;
    private Clock clock;
    private LeaseKeeper keeper;
    private long nanos = 7_000_000_000L;
    /** Far ahead, so that no guard acts during the test. */
    private long centis = Uptime.centis() + 1_000_000;

    private long answerTakesMillis;
    private boolean storeAnswers = true;
    private List<String> toldBefore = List.of();
    private Duration timeout;

    @BeforeEach
    void open() throws Exception {
        guard = GuardPair.open(dir, Files.createDirectories(dir.resolve("data")));
        Path file = Files.createFile(dir.resolve("watchdog"));
        watchdog = new KernelWatchdog(
                () -> new WatchdogConfig(WatchdogConfig.Mode.REQUIRED, file, new SafetyMargin.Narrowest()),
                path -> device.open(),
                () -> nanos,
                dir);
        clock = new Clock() {
            @Override
            public long nanos() {
                return nanos;
            }

            @Override
            public long uptimeCentis() {
                return centis;
            }

            @Override
            public Instant wall() {
                return Instant.EPOCH;
            }
        };
        keeper = agent();
    }

    private LeaseKeeper agent() {
        return new LeaseKeeper(store(), "n1", clock, guard, watchdog, () -> 0);
    }

    private Dcs store() {
        return (Dcs) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {Dcs.class}, (proxy, method, arguments) -> {
                    timeout = (Duration) arguments[arguments.length - 1];
                    pass(answerTakesMillis);
                    if (!storeAnswers) {
                        throw new DcsException("no quorum");
                    }
                    toldBefore = List.copyOf(device.told);
                    return new LeaseResult.Held(5);
                });
    }

    @AfterEach
    void close() throws InterruptedException {
        EndedGuards.of(guard);
    }

    private void pass(long millis) {
        nanos += millis * 1_000_000;
        centis += millis / 10;
    }

    private long left() {
        return (keeper.deadline().orElseThrow() - nanos) / 1_000_000;
    }

    /** Milliseconds until the first guard quits and kills. It notes only the first arming after a disarming. */
    private List<Long> guardActsIn() throws Exception {
        String[] note = await("armed");
        return List.of((Long.parseLong(note[3]) - centis) * 10, (Long.parseLong(note[4]) - centis) * 10);
    }

    private String[] await(String mode) throws Exception {
        long limit = System.nanoTime() + 5_000_000_000L;
        while (true) {
            Path file = dir.resolve("guard-1.state");
            String[] note = Files.exists(file) ? Files.readString(file).split(" ") : new String[0];
            if (note.length == 7 && note[2].equals(mode)) {
                return note;
            }
            assertTrue(System.nanoTime() < limit, "the guard is not " + mode);
            Thread.sleep(5);
        }
    }

    private boolean renew() throws DcsException {
        return keeper.renew(5, SETTINGS, Optional.empty());
    }

    @Test
    void leaseAndGuardsCountFromBeforeTheRenewalWasSent() throws Exception {
        answerTakesMillis = 300;
        assertTrue(keeper.acquire(SETTINGS, 1));
        assertEquals(4_700, left());
        assertEquals(List.of(4_250L, 4_400L), guardActsIn());
    }

    @Test
    void nothingIsExtendedByARenewalThatWasNotConfirmed() throws Exception {
        Settings second = Timings.of(Duration.ofSeconds(1), Duration.ofMillis(200), Duration.ofMillis(200));
        long start = Uptime.centis();
        centis = start;
        assertTrue(keeper.acquire(second, 1));
        storeAnswers = false;
        pass(500);
        assertThrows(DcsException.class, () -> keeper.renew(5, second, Optional.empty()));
        assertEquals(500, left());
        await("fired");
        // 0.8 s after the first; a renewal half a second later would have meant 1.3 s.
        assertTrue(Uptime.centis() - start < 120, "the guards fired late");
        pass(500);
        assertInstanceOf(Lease.NotHeld.class, keeper.lease(Duration.ZERO));
    }

    @Test
    void watchdogIsTheOutermostRing() throws Exception {
        answerTakesMillis = 100;
        keeper.acquire(SETTINGS, 1);
        // A new guard is disarmed, too: the first arming has to be seen first.
        await("armed");
        keeper.disarm();
        await("disarmed");
        keeper.activateWatchdog(SETTINGS);
        assertEquals(List.of("open", "timeout 4", "keepalive"), device.told);
        // Counted from the sending: 3.4 s for the agent, 3.7 and 3.85 for the guards, 4 s at least for the host.
        assertEquals(4_150 - 100, left());
        assertEquals(List.of(3_600L, 3_750L), guardActsIn());
    }

    @Test
    void nothingBecomesWritableUntilTheGuardsHoldADeadlineAndTheWatchdogRuns() throws Exception {
        assertTrue(why().contains("the guard does not take its deadline"), why());
        keeper.acquire(SETTINGS, 1);
        assertTrue(why().contains("the required watchdog does not run"), why());
        keeper.activateWatchdog(SETTINGS);
        assertEquals("", why());
        keeper.disarm();
        assertTrue(why().contains("the guard does not take its deadline"), why());
    }

    private String why() {
        return keeper.whyNotWritable(SETTINGS, Duration.ofSeconds(5)).orElse("");
    }

    @Test
    void watchdogIsFedOnlyWithAConfirmedRenewal() throws Exception {
        keeper.acquire(SETTINGS, 1);
        keeper.activateWatchdog(SETTINGS);
        device.told.clear();
        assertTrue(renew());
        assertEquals(List.of("keepalive"), device.told);
        storeAnswers = false;
        assertThrows(DcsException.class, this::renew);
        assertEquals(List.of("keepalive"), device.told);
    }

    @Test
    void watchdogIsStartedOnlyForALeaseOfTheTtlThatIsInForce() throws Exception {
        Settings longer = Timings.of(Duration.ofSeconds(30), Duration.ofSeconds(1), Duration.ofSeconds(2));
        keeper.acquire(SETTINGS, 1);
        keeper.activateWatchdog(longer);
        assertEquals(List.of(), device.told);
        assertEquals(5_000, left());
        assertFalse(((Lease.Held) keeper.lease(Duration.ofDays(1))).renewed());
        assertTrue(keeper.renew(5, longer, Optional.empty()));
        keeper.activateWatchdog(longer);
        assertEquals(List.of("open", "timeout 29", "keepalive"), device.told);
    }

    @Test
    void watchdogIsSetForAShorterLeaseBeforeItIsAskedFor() throws Exception {
        Settings longer = Timings.of(Duration.ofSeconds(30), Duration.ofSeconds(1), Duration.ofSeconds(2));
        keeper.acquire(longer, 1);
        keeper.activateWatchdog(longer);
        pass(1_000);
        assertTrue(renew());
        assertEquals(List.of("open", "timeout 29", "keepalive", "timeout 4"), toldBefore);
        assertEquals(List.of("open", "timeout 29", "keepalive", "timeout 4", "keepalive"), device.told);
        assertEquals(4_150, left());
    }

    /** The next agent sees a standby, and knows nothing of the promotion that may be under way. */
    @Test
    void guardsOfAPromotionThatAnEarlierAgentBeganStayArmed() throws Exception {
        keeper.acquire(SETTINGS, 1);
        await("armed");
        guard.close();
        guard = GuardPair.open(dir, dir.resolve("data"));
        keeper = agent();
        keeper.restGuards(SETTINGS, standby(), false);
        assertTrue(guard.armed());
        // It leads itself and gives the lock up: from then on a standby is a standby.
        keeper.acquire(SETTINGS, 1);
        storeAnswers = false;
        assertThrows(DcsException.class, () -> keeper.release(5, Optional.empty(), Duration.ofSeconds(1)));
        keeper.restGuards(SETTINGS, standby(), true);
        assertTrue(guard.armed());
        keeper.restGuards(SETTINGS, standby(), false);
        assertFalse(guard.armed());
    }

    @Test
    void adoptedGuardsRestOnceTheServerHasStopped() throws Exception {
        keeper.acquire(SETTINGS, 1);
        guard.close();
        guard = GuardPair.open(dir, dir.resolve("data"));
        keeper = agent();
        keeper.restGuards(SETTINGS, postgres(LocalPostgres.Process.STOPPED, Optional.empty()), false);
        assertFalse(guard.armed());
    }

    private static LocalPostgres standby() {
        return postgres(
                LocalPostgres.Process.RUNNING,
                Optional.of(new LocalPostgres.Status(
                        true,
                        1,
                        Lsn.INVALID,
                        Lsn.INVALID,
                        Lsn.INVALID,
                        false,
                        Optional.empty(),
                        true,
                        "",
                        true,
                        "on",
                        List.of(),
                        List.of(),
                        150_000,
                        "",
                        Map.of())));
    }

    private static LocalPostgres postgres(LocalPostgres.Process process, Optional<LocalPostgres.Status> status) {
        return new LocalPostgres(
                LocalPostgres.DataDirectory.VALID, Optional.empty(), process, Optional.empty(), status, "");
    }

    @Test
    void renewalThatComesTooLateForTheWatchdogExtendsNothing() throws Exception {
        keeper.acquire(SETTINGS, 1);
        keeper.activateWatchdog(SETTINGS);
        device.told.clear();
        answerTakesMillis = 901;
        assertFalse(renew());
        assertEquals(Duration.ofMillis(900), timeout);
        assertEquals(List.of(), device.told);
        assertEquals(4_150 - 901, left());
        answerTakesMillis = 10;
        assertTrue(renew());
        assertEquals(4_140, left());
    }
}
