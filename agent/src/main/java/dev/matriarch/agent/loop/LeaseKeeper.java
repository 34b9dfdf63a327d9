package dev.matriarch.agent.loop;

import dev.matriarch.agent.fencing.GuardPair;
import dev.matriarch.agent.fencing.KernelWatchdog;
import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.LeaseResult;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds this member's grip on the leader lock and keeps the guard's deadline in step with it.
 *
 * <p>A lease counts from the moment before its renewal was sent, on both clocks. The guard is armed only after a
 * confirmed renewal. Called by the heartbeat's thread only, except {@link #deadline()}.
 */
final class LeaseKeeper {
    private static final Logger LOG = LoggerFactory.getLogger(LeaseKeeper.class);
    private static final Duration GUARDS_READ = Duration.ofMillis(100);

    private final Dcs dcs;
    private final String me;
    private final Clock clock;
    private final GuardPair guard;
    private final KernelWatchdog watchdog;
    private final LongSupplier postmasterPid;

    private final Grip grip = new Grip();
    private boolean armed;
    /** The guards may hold the deadline of an earlier agent, and have been told nothing by this one. */
    private boolean adopted;

    LeaseKeeper(Dcs dcs, String me, Clock clock, GuardPair guard, KernelWatchdog watchdog, LongSupplier postmasterPid) {
        this.dcs = dcs;
        this.me = me;
        this.clock = clock;
        this.guard = guard;
        this.watchdog = watchdog;
        this.postmasterPid = postmasterPid;
        this.armed = guard.armed();
        this.adopted = armed;
    }

    /** @param freshFor a renewal younger than this counts as made in this heartbeat */
    Lease lease(Duration freshFor) {
        Lease lease = grip.lease(clock.nanos(), freshFor);
        if (lease instanceof Lease.NotHeld && grip.held()) {
            LOG.warn("The leader lease ran out before it could be renewed");
            grip.drop();
        }
        return lease;
    }

    /** The end of the lease in monotonic nanoseconds, for the doors; any thread. */
    OptionalLong deadline() {
        return grip.deadline();
    }

    /** The moment after which nothing may be started as a primary any more, in centiseconds of uptime. */
    long startNotAfterCentis() {
        return grip.startNotAfterCentis();
    }

    /** Of the lock as it was confirmed last. */
    long epoch() {
        return grip.epoch();
    }

    /** The last renewal counts as old: the next heartbeat makes another before it decides anything else. */
    void renewAgain() {
        grip.renewAgain();
    }

    /** @param decidedOn the revision of the view by which this member may lead */
    boolean acquire(Settings settings, long decidedOn) throws DcsException {
        long before = clock.nanos();
        long beforeCentis = clock.uptimeCentis();
        LeaseResult result = dcs.acquireLeader(me, settings.ttl(), decidedOn, timeout(before, settings));
        return confirm(result, before, beforeCentis, settings);
    }

    boolean renew(long lockEpoch, Settings settings, Optional<ClusterStatus> status) throws DcsException {
        long before = clock.nanos();
        long beforeCentis = clock.uptimeCentis();
        if (!settings.paused() && !watchdog.renewing(settings, before)) {
            LOG.warn("It took too long to shorten the watchdog's time-out: the lock is renewed in a moment");
            return false;
        }
        if (grip.renewing(before, beforeCentis, settings, watchdog.earlier())) {
            arm(settings);
            guard.awaitAccepted(GUARDS_READ);
        }
        LeaseResult result = dcs.renewLeader(me, lockEpoch, settings.ttl(), status, timeout(before, settings));
        return confirm(result, before, beforeCentis, settings);
    }

    /** What comes later than this could not be used. */
    private Duration timeout(long now, Settings settings) {
        Duration timeout = grip.renewalTimeout(now, settings);
        return watchdog.longestRenewal()
                .filter(d -> !settings.paused() && d.compareTo(timeout) < 0)
                .orElse(timeout);
    }

    /**
     * Failsafe mode: asks all who could take the lock to leave it alone, and moves the deadline on if all of them promise.
     *
     * @param ask given the longest time it may take; true if every one of them promised to wait for a whole ttl
     */
    boolean extendByPromise(Settings settings, Predicate<Duration> ask) {
        long before = clock.nanos();
        long beforeCentis = clock.uptimeCentis();
        boolean extended = ask.test(timeout(before, settings))
                && grip.lasts(clock.nanos())
                && fed(settings, before)
                && grip.promised(clock.nanos(), before, beforeCentis, settings, watchdog.earlier());
        if (extended) {
            arm(settings);
        }
        return extended;
    }

    /** False if the answer came so late that the host could outlive the lease: then it must not count. */
    private boolean fed(Settings settings, long sent) {
        boolean fed = settings.paused() || watchdog.feed(settings, sent);
        if (!fed) {
            LOG.warn("The renewal took too long to feed the watchdog with it");
        }
        return fed;
    }

    private boolean confirm(LeaseResult result, long before, long beforeCentis, Settings settings) {
        return switch (result) {
            case LeaseResult.Held(long confirmed) -> {
                if (!fed(settings, before)) {
                    yield false;
                }
                grip.confirmed(confirmed, before, beforeCentis, settings, watchdog.earlier());
                arm(settings);
                yield true;
            }
            case LeaseResult.Lost(String holder) -> {
                boolean had = grip.held();
                if (grip.lost(holder, clock.nanos()) && had) {
                    LOG.warn("The leader lock is lost{}", holder.isEmpty() ? "" : " to " + holder);
                }
                yield false;
            }
        };
    }

    private void arm(Settings settings) {
        if (settings.paused()) {
            disarm();
            return;
        }
        Grip.GuardTimes times = grip.guardTimes();
        try {
            guard.arm(times.quitAtCentis(), times.killAtCentis(), postmasterPid.getAsLong());
            armed = true;
            adopted = false;
        } catch (IOException e) {
            LOG.error("The guard could not be armed: {}", e.getMessage());
        }
    }

    /**
     * Gives the lock back. If nothing is heard of it, the lease counts as over.
     *
     * @return false if the store did not take it: a renewal came in between, or the lock is somebody else's. The lease goes
     *     on to its end, and the next renewal tells which
     */
    boolean release(long lockEpoch, Optional<ClusterStatus> status, Duration timeout) throws DcsException {
        try {
            boolean refused = !dcs.releaseLeader(me, lockEpoch, status, timeout);
            if (refused) {
                grip.renewAgain();
                return false;
            }
        } catch (DcsException e) {
            grip.drop();
            throw e;
        }
        grip.drop();
        return true;
    }

    /**
     * At the end of a heartbeat: the guards may rest once nothing on this host can write any more.
     *
     * @param busy a long action runs
     */
    void restGuards(Settings settings, LocalPostgres postgres, boolean busy) {
        boolean writable = postgres.process() != LocalPostgres.Process.STOPPED && !postgres.isReplica();
        boolean calm = !busy && !writable || postgres.isSealed();
        // An earlier agent may have asked it to be promoted, and the deadline is for that.
        boolean promoting = adopted && postgres.isReplica();
        // The leader of a standby cluster cannot write; the renewal before its promotion arms them again.
        boolean standbyLeader = settings.standbyCluster().isPresent() && postgres.isReplica();
        if (settings.paused() || calm && !promoting && (grip.deadline().isEmpty() || standbyLeader)) {
            disarm();
        }
    }

    /** Nothing on this host can write any more: the guard may rest. Harmless if it does already. */
    void disarm() {
        if (!armed) {
            return;
        }
        try {
            guard.disarm();
            armed = false;
            adopted = false;
        } catch (IOException e) {
            LOG.error("The guard could not be disarmed: {}", e.getMessage());
        }
    }

    /** Starts the kernel watchdog for the lease just renewed, and fits the other rings into it. */
    void activateWatchdog(Settings settings) {
        if (!grip.held() || settings.paused()) {
            return;
        }
        if (!grip.ttl().equals(settings.ttl())) {
            // Its time-out is for a lease that has not been confirmed yet.
            grip.renewAgain();
            return;
        }
        watchdog.activate(settings, grip.countsFrom());
        grip.endEarlier(watchdog.earlier());
        arm(settings);
    }

    KernelWatchdog watchdog() {
        return watchdog;
    }

    /** True once both guards have read the last deadline; waits at most the given time. */
    boolean guardAccepted(Duration timeout) {
        return armed && guard.awaitAccepted(timeout);
    }

    /**
     * Nothing becomes writable before the guards hold its deadline.
     *
     * @param atMost how long the guards may take to read it
     * @return why nothing may become writable now; empty: it may
     */
    Optional<String> whyNotWritable(Settings settings, Duration atMost) {
        if (settings.paused()) {
            return Optional.empty();
        }
        if (!guardAccepted(atMost)) {
            return Optional.of("the guard does not take its deadline: not becoming writable without it");
        }
        return watchdog.holds()
                ? Optional.empty()
                : Optional.of("the required watchdog does not run: not becoming writable without it");
    }

    /** True while a living guard holds a deadline. Replaces a dead guard on the way. */
    boolean guarded() {
        try {
            guard.ensure();
        } catch (IOException e) {
            LOG.error("A dead guard could not be replaced: {}", e.getMessage());
        }
        return armed && guard.healthy();
    }
}
