package dev.matriarch.agent.loop;

import dev.matriarch.agent.fencing.GuardPair;
import dev.matriarch.agent.ha.Lease;
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
    private static final Duration SHORTEST_CALL = Duration.ofMillis(100);

    private final Dcs dcs;
    private final String me;
    private final Clock clock;
    private final GuardPair guard;
    private final LongSupplier postmasterPid;

    private boolean held;
    private long epoch;
    private long renewalSent;
    private volatile OptionalLong deadline = OptionalLong.empty();
    private long deadlineCentis;
    private boolean armed;

    LeaseKeeper(Dcs dcs, String me, Clock clock, GuardPair guard, LongSupplier postmasterPid) {
        this.dcs = dcs;
        this.me = me;
        this.clock = clock;
        this.guard = guard;
        this.postmasterPid = postmasterPid;
        this.armed = guard.armed();
    }

    /** What the guard does at the latest: shares of the ttl, counted back from the lease's end. */
    static Duration unit(Duration ttl) {
        long nanos = ttl.toNanos() * 6 / 100;
        return Duration.ofNanos(Math.clamp(nanos, 200_000_000L, 1_000_000_000L));
    }

    /** How long before the lease's end the heartbeat itself stops a primary: before the guard would. */
    static Duration safetyMargin(Duration ttl) {
        return unit(ttl).multipliedBy(5).dividedBy(2);
    }

    /** @param freshFor a renewal younger than this counts as made in this heartbeat */
    Lease lease(Duration freshFor) {
        long now = clock.nanos();
        if (!held) {
            return new Lease.NotHeld();
        }
        if (deadline.orElse(now) - now <= 0) {
            LOG.warn("The leader lease of epoch {} ran out before it could be renewed", epoch);
            drop();
            return new Lease.NotHeld();
        }
        return new Lease.Held(epoch, deadline.getAsLong(), now - renewalSent < freshFor.toNanos());
    }

    /** The end of the lease in monotonic nanoseconds, for the doors; any thread. */
    OptionalLong deadline() {
        return deadline;
    }

    /** The moment after which nothing may be started as a primary any more, in centiseconds of uptime. */
    long startNotAfterCentis() {
        return deadlineCentis;
    }

    boolean acquire(Settings settings) throws DcsException {
        long before = clock.nanos();
        long beforeCentis = clock.uptimeCentis();
        LeaseResult result = dcs.acquireLeader(me, settings.ttl(), settings.retryTimeout());
        return confirm(result, before, beforeCentis, settings);
    }

    boolean renew(long lockEpoch, Settings settings, Optional<ClusterStatus> status) throws DcsException {
        long before = clock.nanos();
        long beforeCentis = clock.uptimeCentis();
        Duration timeout = settings.retryTimeout();
        if (held && !settings.paused()) {
            long left =
                    deadline.orElse(before) - before - settings.safetyMargin().toNanos();
            timeout = Duration.ofNanos(Math.clamp(left, SHORTEST_CALL.toNanos(), timeout.toNanos()));
        }
        LeaseResult result = dcs.renewLeader(me, lockEpoch, settings.ttl(), status, timeout);
        return confirm(result, before, beforeCentis, settings);
    }

    private boolean confirm(LeaseResult result, long before, long beforeCentis, Settings settings) {
        return switch (result) {
            case LeaseResult.Held(long confirmed) -> {
                held = true;
                epoch = confirmed;
                renewalSent = before;
                deadline = OptionalLong.of(before + settings.ttl().toNanos());
                deadlineCentis = beforeCentis
                        + centis(settings.ttl()
                                .minus(unit(settings.ttl()).multipliedBy(3).dividedBy(2)));
                arm(beforeCentis, settings);
                yield true;
            }
            case LeaseResult.Lost(String holder) -> {
                if (held) {
                    LOG.warn("The leader lock is lost{}", holder.isEmpty() ? "" : " to " + holder);
                }
                drop();
                yield false;
            }
        };
    }

    private void arm(long beforeCentis, Settings settings) {
        if (settings.paused()) {
            disarm();
            return;
        }
        Duration unit = unit(settings.ttl());
        long quitAt =
                beforeCentis + centis(settings.ttl().minus(unit.multipliedBy(3).dividedBy(2)));
        long killAt = beforeCentis + centis(settings.ttl().minus(unit));
        try {
            guard.arm(quitAt, killAt, postmasterPid.getAsLong());
            armed = true;
        } catch (IOException e) {
            LOG.error("The guard could not be armed: {}", e.getMessage());
        }
    }

    private static long centis(Duration duration) {
        return duration.toMillis() / 10;
    }

    /** Gives the lock back; true if it was still this member's. */
    boolean release(long lockEpoch, Optional<ClusterStatus> status, Duration timeout) throws DcsException {
        try {
            return dcs.releaseLeader(me, lockEpoch, status, timeout);
        } finally {
            drop();
        }
    }

    private void drop() {
        held = false;
        deadline = OptionalLong.empty();
    }

    /** Nothing on this host can write any more: the guard may rest. Harmless if it does already. */
    void disarm() {
        if (!armed) {
            return;
        }
        try {
            guard.disarm();
            armed = false;
        } catch (IOException e) {
            LOG.error("The guard could not be disarmed: {}", e.getMessage());
        }
    }

    /** True once both guards have read the last deadline; waits at most the given time. */
    boolean guardAccepted(Duration timeout) {
        return armed && guard.awaitAccepted(timeout);
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
