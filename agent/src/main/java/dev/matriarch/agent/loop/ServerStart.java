package dev.matriarch.agent.loop;

import dev.matriarch.agent.callbacks.Action;
import dev.matriarch.agent.callbacks.Callbacks;
import dev.matriarch.agent.callbacks.Role;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.agent.sharding.Sharding;
import java.time.Duration;
import java.util.Optional;

/**
 * How the local server is started, with the configuration of its role and under the guards that this role needs. On the thread
 * of a long action, until it accepts connections.
 */
final class ServerStart {
    private static final Duration GUARD = Duration.ofSeconds(2);
    private static final Duration VERY_LONG = Duration.ofDays(7);

    private final PostgresServer server;
    private final SettingsSource settings;
    private final LeaseKeeper lease;
    private final Memory memory;
    private final Clock clock;
    private final Callbacks callbacks;
    private final Sharding sharding;
    private final Runnable wake;

    ServerStart(
            PostgresServer server,
            SettingsSource settings,
            LeaseKeeper lease,
            Memory memory,
            Clock clock,
            Callbacks callbacks,
            Sharding sharding,
            Runnable wake) {
        this.server = server;
        this.settings = settings;
        this.lease = lease;
        this.memory = memory;
        this.clock = clock;
        this.callbacks = callbacks;
        this.sharding = sharding;
        this.wake = wake;
    }

    private Duration startStop() {
        return settings.postgres().startStopTimeout();
    }

    /**
     * The server's files, as the settings are now. Any thread.
     *
     * @param upstreamOrNull null for a primary
     */
    void writeConfiguration(Upstream upstreamOrNull, Optional<String> standbyNames) throws PostgresException {
        server.configuration()
                .write(
                        settings.current().parameters(),
                        upstreamOrNull,
                        standbyNames,
                        settings.current().settings().useSlots(),
                        settings.current().files());
    }

    /** The heartbeat is woken the moment the postmaster dies. Any thread. */
    void watchPostmaster() {
        if (!server.onExit(wake)) {
            wake.run();
        }
    }

    /** What a standby of this one is to the operator's programs. */
    static Role role(Upstream upstream) {
        return upstream instanceof Upstream.Remote ? Role.STANDBY_LEADER : Role.REPLICA;
    }

    /** Nothing becomes writable before the guard holds its deadline. */
    void requireGuard() throws PostgresException {
        Optional<String> why = lease.whyNotWritable(settings.current().settings(), GUARD);
        if (why.isPresent()) {
            throw new PostgresException(why.get());
        }
    }

    void standby(Upstream upstream, Action action) throws PostgresException {
        standby(upstream, action, startStop());
    }

    private void standby(Upstream upstream, Action action, Duration readyWithin) throws PostgresException {
        // A fired guard kills whatever runs here until it is told that a standby is no danger.
        lease.disarm();
        writeConfiguration(upstream, Optional.of(""));
        server.start(startStop());
        memory.followed(upstream, clock.nanos());
        watchPostmaster();
        wake.run();
        server.awaitReady(readyWithin);
        memory.succeeded();
        callbacks.happened(action, role(upstream));
    }

    /** The first server of a new cluster. */
    void first() throws PostgresException {
        writeConfiguration(null, Optional.of(""));
        // Who lost the lock meanwhile must not run a second cluster beside the one that others create.
        server.startAsPrimaryNotAfter(lease.startNotAfterCentis(), startStop());
        watchPostmaster();
        server.awaitReady(startStop());
    }

    /** @param notAfter hundredths of a second of uptime: from then on nothing is started */
    void primary(String standbyNames, long notAfter) throws PostgresException {
        requireGuard();
        writeConfiguration(null, Optional.of(standbyNames));
        server.startAsPrimaryNotAfter(notAfter, startStop());
        memory.forgetUpstream();
        watchPostmaster();
        wake.run();
        // The heartbeat watches primary_start_timeout.
        server.awaitReady(VERY_LONG);
        memory.succeeded();
        callbacks.happened(Action.STARTED, Role.PRIMARY);
    }

    /**
     * After a stop for that.
     *
     * @param paused the cluster was when it was ordered
     */
    void again(Decision.Restart wanted, boolean paused) throws PostgresException {
        if (!wanted.asPrimary()) {
            standby(wanted.upstream(), Action.RESTARTED, within(wanted));
            return;
        }
        writeConfiguration(null, Optional.of(wanted.names()));
        if (paused) {
            // Nothing is fenced while an operator is at work, and the lock may be somebody else's.
            server.start(startStop());
        } else {
            requireGuard();
            server.startAsPrimaryNotAfter(lease.startNotAfterCentis(), startStop());
        }
        watchPostmaster();
        server.awaitReady(within(wanted));
        sharding.afterPromote();
        memory.succeeded();
        callbacks.happened(Action.RESTARTED, Role.PRIMARY);
    }

    /** With 0 a crashed primary is not waited for; a restart that somebody asked for is. */
    private Duration within(Decision.Restart wanted) {
        Duration usual = settings.current().settings().primaryStartTimeout();
        return wanted.timeout().orElse(usual.isZero() ? startStop() : usual);
    }
}
