package dev.matriarch.agent.fencing;

import dev.matriarch.agent.config.WatchdogConfig;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Watchdog;
import dev.matriarch.agent.ha.WatchdogTiming;
import dev.matriarch.agent.postgres.linux.WatchdogDevice;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernel watchdog of this host, around the guards: it resets the host if nothing feeds it, so it also ends what
 * survives the agent and both guards.
 *
 * <p>It is fed only with a confirmed renewal, and never so late that the host could outlive the lease. {@link
 * WatchdogTiming} has the arithmetic. Called by the heartbeat's thread, except {@link #holds} (any thread). Calls of the
 * device are expected to return at once, as the kernel's own drivers do.
 */
public final class KernelWatchdog {
    private static final Logger log = LoggerFactory.getLogger(KernelWatchdog.class);
    private static final long NEXT_ATTEMPT = 10_000_000_000L;
    private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

    /**
     * @param asked what the device was asked for
     * @param actual what it took
     * @param late it may fire only after the lease: then it is fed with every renewal, and moves no other ring
     */
    private record Running(
            WatchdogDevice device,
            Path path,
            WatchdogDevice.Support support,
            WatchdogTiming asked,
            int actual,
            boolean late) {
        String identity() {
            return support.identity();
        }

        WatchdogTiming inForce() {
            return new WatchdogTiming(asked.ttl(), actual);
        }
    }

    private final Supplier<WatchdogConfig> config;
    private final WatchdogDevice.Opener opener;
    private final LongSupplier nanos;
    private final Path marker;
    private volatile Running running;
    private long fedAt;
    private String problem = "";
    private WatchdogConfig problemOf;
    private long problemUntil;
    private String lastSaid = "";
    private boolean leftByAnEarlierAgent;

    /**
     * @param nanos monotonic
     * @param stateDir keeps a note while the device runs, for an agent that comes after this one
     */
    public KernelWatchdog(
            Supplier<WatchdogConfig> config, WatchdogDevice.Opener opener, LongSupplier nanos, Path stateDir) {
        this.config = config;
        this.opener = opener;
        this.nanos = nanos;
        marker = stateDir.resolve("watchdog.running");
        leftByAnEarlierAgent = readMarker().isPresent();
    }

    /** What decisions are to know. Looks at the device's file, but does not open it. */
    public Watchdog view(Settings settings) {
        WatchdogConfig wanted = config.get();
        boolean required = wanted.mode() == WatchdogConfig.Mode.REQUIRED;
        if (wanted.mode() == WatchdogConfig.Mode.OFF) {
            return Watchdog.OFF;
        }
        String why = whyUnusable(wanted, settings);
        if (!why.isEmpty()) {
            say(required, why);
            return new Watchdog(required, Watchdog.State.UNUSABLE, why);
        }
        Running now = running;
        boolean runs = now != null && now.path().equals(wanted.device());
        return new Watchdog(required, runs ? Watchdog.State.RUNNING : Watchdog.State.READY, "");
    }

    private String whyUnusable(WatchdogConfig wanted, Settings settings) {
        if (!problem.isEmpty() && wanted.equals(problemOf) && nanos.getAsLong() - problemUntil < 0) {
            return problem;
        }
        if (plan(settings, wanted) instanceof WatchdogTiming.Plan.Impossible(String why)) {
            return why;
        }
        if (running != null) {
            return "";
        }
        if (!Files.exists(wanted.device())) {
            return "Watchdog device " + wanted.device() + " does not exist: load a driver such as softdog";
        }
        return Files.isWritable(wanted.device())
                ? ""
                : "Watchdog device " + wanted.device() + " is not writable: give it to the agent's user";
    }

    private void say(boolean required, String sentence) {
        if (sentence.equals(lastSaid)) {
            return;
        }
        lastSaid = sentence;
        if (required) {
            log.error("{}. This member cannot lead: watchdog.mode is required", sentence);
        } else {
            log.warn("{}. Going on without, as watchdog.mode is automatic", sentence);
        }
    }

    private void failed(WatchdogConfig wanted, String sentence) {
        problem = sentence;
        problemOf = wanted;
        problemUntil = nanos.getAsLong() + NEXT_ATTEMPT;
        say(wanted.mode() == WatchdogConfig.Mode.REQUIRED, sentence);
    }

    /**
     * Starts the device for a lease that has just been renewed.
     *
     * @param renewalSent nanoseconds: when that renewal was sent
     */
    public void activate(Settings settings, long renewalSent) {
        WatchdogConfig wanted = config.get();
        if (view(settings).state() != Watchdog.State.READY
                || !(plan(settings, wanted) instanceof WatchdogTiming.Plan.Possible(WatchdogTiming timing))
                || since(renewalSent) > timing.longestRenewal().toNanos()) {
            // At the latest the next renewal is in time.
            return;
        }
        if (running != null
                || readMarker().filter(d -> !d.equals(wanted.device())).isPresent()) {
            disarm();
        }
        leftByAnEarlierAgent = false;
        try {
            noteRunning(wanted.device());
            WatchdogDevice device = open(wanted.device());
            WatchdogDevice.Support support = new WatchdogDevice.Support("", false, true);
            try {
                support = device.support();
                running = tune(device, wanted, support, settings, timing);
                device.keepalive();
                fedAt = nanos.getAsLong();
            } catch (IOException e) {
                running = null;
                letGo(device, support.magicClose());
                throw e;
            }
        } catch (IOException e) {
            failed(wanted, "Could not activate watchdog: " + e.getMessage());
            return;
        }
        Running now = running;
        if (tooLate(now, renewalSent)) {
            disarm();
            return;
        }
        lastSaid = "";
        log.info(
                "{} activated with {} second timeout, timing slack {} seconds",
                now.identity(),
                now.actual(),
                BigDecimal.valueOf(now.actual())
                        .subtract(BigDecimal.valueOf(settings.loopWait().toMillis(), 3))
                        .stripTrailingZeros()
                        .toPlainString());
        if (!now.support().magicClose()) {
            log.warn(
                    "{} cannot be switched off again: the host will be reset when this member stops leading",
                    now.identity());
        }
    }

    private WatchdogDevice open(Path device) throws IOException {
        try {
            return opener.open(device);
        } catch (IOException e) {
            Files.deleteIfExists(marker);
            throw e;
        }
    }

    private Running tune(
            WatchdogDevice device,
            WatchdogConfig wanted,
            WatchdogDevice.Support support,
            Settings settings,
            WatchdogTiming timing)
            throws IOException {
        if (support.setTimeout()) {
            device.setTimeout(timing.seconds());
        }
        int actual = device.timeout();
        Optional<WatchdogTiming.Unfit> unfit = timing.judge(actual, settings.loopWait());
        if (unfit.isPresent()) {
            if (!unfit.get().tooLong() || wanted.mode() == WatchdogConfig.Mode.REQUIRED) {
                throw new IOException(unfit.get().sentence());
            }
            log.warn("{}", unfit.get().sentence());
        }
        return new Running(device, wanted.device(), support, timing, actual, unfit.isPresent());
    }

    /**
     * Feeds it after a confirmed renewal.
     *
     * @param renewalSent nanoseconds: when that renewal was sent
     * @return false if this came too late: the host might outlive the lease, so the renewal must not count. True if it
     *     is fed or none runs
     */
    public boolean feed(Settings settings, long renewalSent) {
        Running now = running;
        if (now == null) {
            return true;
        }
        WatchdogConfig wanted = config.get();
        try {
            if (wanted.mode() == WatchdogConfig.Mode.OFF
                    || !now.path().equals(wanted.device())
                    || !(plan(settings, wanted) instanceof WatchdogTiming.Plan.Possible(WatchdogTiming timing))) {
                // Switched off, moved, or impossible from now on: decisions see to what follows.
                disarm();
                return true;
            }
            if (tooLate(now, renewalSent)) {
                return false;
            }
            if (!timing.equals(now.asked())) {
                if (since(renewalSent) > timing.longestRenewal().toNanos()) {
                    return false;
                }
                // For the kernel this is a keepalive too.
                now = tune(now.device(), wanted, now.support(), settings, timing);
                running = now;
                log.info("{} now has a {} second timeout", now.identity(), now.actual());
            }
            now.device().keepalive();
            fedAt = nanos.getAsLong();
            return !tooLate(now, renewalSent);
        } catch (IOException e) {
            failed(wanted, "Watchdog: " + e.getMessage());
            if (wanted.mode() != WatchdogConfig.Mode.REQUIRED) {
                disarm();
            }
            // Required: it runs on until PostgreSQL has been stopped for want of it.
            return true;
        }
    }

    /**
     * Before a renewal is sent. With a shorter ttl than before it may take effect although nobody hears of it, and the lease
     * then ends while the device, as it was fed last, still lets the host live: so its time-out is shortened first. That
     * never puts the reset off.
     *
     * @param sending nanoseconds: what the renewal counts from
     * @return false if that took so long that this renewal must not be sent
     */
    public boolean renewing(Settings settings, long sending) {
        Running now = running;
        WatchdogConfig wanted = config.get();
        if (now == null
                || now.late()
                || fedAt
                                + now.actual() * 1_000_000_000L
                                - (sending + settings.ttl().toNanos())
                        <= 0
                || !(plan(settings, wanted) instanceof WatchdogTiming.Plan.Possible(WatchdogTiming timing))) {
            return true;
        }
        if (since(sending) > timing.longestRenewal().toNanos()) {
            return false;
        }
        try {
            now = tune(now.device(), wanted, now.support(), settings, timing);
            running = now;
            fedAt = nanos.getAsLong();
            log.info("{} now has a {} second timeout", now.identity(), now.actual());
            return !tooLate(now, sending);
        } catch (IOException e) {
            // The guards are told of the shorter lease in any case; without the device a leader that requires it stops.
            failed(wanted, "Watchdog: " + e.getMessage());
            return true;
        }
    }

    private boolean tooLate(Running now, long renewalSent) {
        return !now.late()
                && since(renewalSent) > now.inForce().longestRenewal().toNanos();
    }

    private long since(long renewalSent) {
        return nanos.getAsLong() - renewalSent;
    }

    private static WatchdogTiming.Plan plan(Settings settings, WatchdogConfig wanted) {
        return WatchdogTiming.plan(settings.ttl(), settings.loopWait(), wanted.margin());
    }

    /** How much earlier than after the whole ttl the holder must end its own lease while the device runs. */
    public Duration earlier() {
        Running now = running;
        return now == null || now.late() ? Duration.ZERO : now.inForce().earlier();
    }

    /** A renewal that takes longer cannot be used; empty while nothing depends on it. */
    public Optional<Duration> longestRenewal() {
        Running now = running;
        return now == null || now.late()
                ? Optional.empty()
                : Optional.of(now.inForce().longestRenewal());
    }

    /** True if nothing of the configuration keeps a server from becoming writable now. Any thread. */
    public boolean holds() {
        return config.get().mode() != WatchdogConfig.Mode.REQUIRED || running != null;
    }

    /** Nothing on this host can write any more: stops the device, if it can be stopped. Harmless if none runs. */
    public void disarm() {
        Running now = running;
        try {
            if (now != null) {
                running = null;
                letGo(now.device(), now.support().magicClose());
                log.info("{} disabled", now.identity());
            } else if (leftByAnEarlierAgent) {
                leftByAnEarlierAgent = false;
                Optional<Path> device = readMarker();
                if (device.isPresent()) {
                    WatchdogDevice opened = opener.open(device.get());
                    letGo(opened, opened.support().magicClose());
                    log.info("The watchdog that an earlier agent left running is disabled");
                }
            }
        } catch (IOException e) {
            log.error("The watchdog could not be disabled, the host may be reset: {}", e.getMessage());
        }
    }

    private void letGo(WatchdogDevice device, boolean magicClose) throws IOException {
        if (magicClose) {
            device.stop();
            Files.deleteIfExists(marker);
        } else {
            device.keepalive();
            device.abandon();
            log.warn("The watchdog cannot be switched off: the host will be reset");
        }
    }

    /** @param stopped no server runs any more. Otherwise the device goes on: it is what is left to end the server */
    public void close(boolean stopped) {
        if (stopped) {
            disarm();
        } else if (running != null) {
            log.warn("PostgreSQL still runs: {} is left running and will reset the host", running.identity());
        }
    }

    private void noteRunning(Path device) throws IOException {
        Files.writeString(marker, Files.readString(BOOT_ID).strip() + " " + device + "\n");
    }

    /** The device that an earlier agent left running on this boot. */
    private Optional<Path> readMarker() {
        try {
            String[] note = Files.readString(marker).strip().split(" ", 2);
            boolean thisBoot =
                    note.length == 2 && note[0].equals(Files.readString(BOOT_ID).strip());
            return thisBoot ? Optional.of(Path.of(note[1])) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
