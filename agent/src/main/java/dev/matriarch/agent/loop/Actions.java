package dev.matriarch.agent.loop;

import dev.matriarch.agent.callbacks.Action;
import dev.matriarch.agent.callbacks.Callbacks;
import dev.matriarch.agent.callbacks.Hook;
import dev.matriarch.agent.callbacks.Role;
import dev.matriarch.agent.config.ReplicaMaking;
import dev.matriarch.agent.config.ScriptsConfig;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.agent.postgres.Divergence;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.agent.postgres.StopMode;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.CloneStatus;
import dev.matriarch.dcs.SlotName;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries out what concerns the local server: short steps at once, long ones beside the heartbeat. */
final class Actions {
    private static final Logger LOG = LoggerFactory.getLogger(Actions.class);
    private static final Duration PATIENCE = Duration.ofSeconds(3);
    private static final Duration URGENT = Duration.ofMillis(100);
    private static final Duration SHORT = Duration.ofSeconds(2);
    private static final Duration VERY_LONG = Duration.ofDays(7);

    private final PostgresServer server;
    private final SettingsSource settings;
    private final LeaseKeeper lease;
    private final Memory memory;
    private final TaskRunner tasks;
    private final Clock clock;
    private final Callbacks callbacks;
    private final Sharding sharding;
    private final Runnable wake;
    private final AfterPromotion afterPromotion;
    private final CloneReport cloneProgress;

    Actions(
            PostgresServer server,
            SettingsSource settings,
            LeaseKeeper lease,
            Memory memory,
            TaskRunner tasks,
            Clock clock,
            Callbacks callbacks,
            Sharding sharding,
            Runnable wake) {
        this.server = server;
        this.settings = settings;
        this.lease = lease;
        this.memory = memory;
        this.tasks = tasks;
        this.clock = clock;
        this.callbacks = callbacks;
        this.sharding = sharding;
        this.wake = wake;
        this.cloneProgress = new CloneReport(clock::nanos);
        this.afterPromotion = new AfterPromotion(
                () -> server.checkpointOfNewTimeline(Duration.ofMinutes(10)),
                work -> Thread.ofPlatform()
                        .daemon()
                        .name("checkpoint-after-promote")
                        .start(work),
                wake);
    }

    AfterPromotion afterPromotion() {
        return afterPromotion;
    }

    Optional<CloneStatus> cloneProgress() {
        return cloneProgress.now();
    }

    private Duration startStop() {
        return settings.postgres().startStopTimeout();
    }

    private ScriptsConfig scripts() {
        return settings.postgres().scripts();
    }

    private CompletableFuture<Boolean> background(Task.Kind kind, TaskRunner.Work work) {
        return tasks.start(kind, PATIENCE, work, () -> memory.failed(clock.nanos()));
    }

    // --- Short steps ---

    /** With a server that has to be restarted for it this is a long action. */
    void follow(Upstream upstream) throws PostgresException {
        writeConfiguration(upstream, Optional.of(""));
        if (server.configuration().restartsToFollow()) {
            background(Task.Kind.START_REPLICA, () -> {
                beforeStop(false);
                stopFast();
                startStandby(upstream, Action.RESTARTED);
            });
            return;
        }
        server.configuration().follow(upstream);
        memory.followed(upstream, clock.nanos());
        callbacks.happened(Action.RELOADED, role(upstream));
    }

    private static Role role(Upstream upstream) {
        return upstream instanceof Upstream.Remote ? Role.STANDBY_LEADER : Role.REPLICA;
    }

    void standbyNames(String value) throws PostgresException {
        if (!server.configuration().isWritten()) {
            writeConfiguration(null, Optional.of(value));
        }
        server.configuration().setSynchronousStandbyNames(value, SHORT);
        callbacks.reloaded();
    }

    void slots(List<SlotChange> changes) throws PostgresException {
        memory.slotsChanged(changes, server.changeSlots(changes, SHORT), clock.nanos());
    }

    private void writeConfiguration(Upstream upstream, Optional<String> standbyNames) throws PostgresException {
        server.configuration().write(
                settings.current().parameters(),
                upstream,
                standbyNames,
                settings.current().settings().useSlots(),
                settings.current().files());
    }

    /** Brings a running server's files in line with changed parameters. */
    void applyParameters(boolean primary, String standbyNames) throws PostgresException {
        Upstream upstream = primary ? null : memory.situation(false).following().orElse(new Upstream.Nobody());
        writeConfiguration(upstream, Optional.of(standbyNames));
        server.configuration().reload();
        callbacks.happened(Action.RELOADED, primary ? Role.PRIMARY : role(upstream));
    }

    // --- Long actions ---

    void bootstrap() {
        Founding founding = new Founding(server, settings, lease, memory, sharding);
        background(Task.Kind.BOOTSTRAP, () -> {
            founding.run(() -> {
                writeConfiguration(null, Optional.of(""));
                // Who lost the lock meanwhile must not run a second cluster beside the one that others create.
                server.startAsPrimaryNotAfter(lease.startNotAfterCentis(), startStop());
                watchPostmaster();
                server.awaitReady(startStop());
            });
            callbacks.happened(Action.STARTED, Role.PRIMARY);
        });
    }

    void cloneFrom(Upstream.Of from, long leaderEpoch) {
        background(Task.Kind.CLONE, () -> {
            try {
                server.replicaCreation().create(settings.making(), from, VERY_LONG, cloneProgress::told);
            } finally {
                cloneProgress.over();
            }
            memory.compared(leaderEpoch, new dev.matriarch.agent.ha.Divergence.None());
            memory.cloneFromLeader(false);
            memory.succeeded();
            startStandby(from, Action.STARTED);
        });
    }

    /** Whoever has the archive's data can be elected, and says by itself on which timeline it is. */
    void cloneWithoutLeader() {
        background(Task.Kind.CLONE, () -> {
            try {
                server.replicaCreation()
                        .create(settings.making(), new Upstream.Nobody(), VERY_LONG, cloneProgress::told);
            } finally {
                cloneProgress.over();
            }
            memory.succeeded();
            startStandby(new Upstream.Nobody(), Action.STARTED);
        });
    }

    void cloneRemote(Upstream.Remote from) {
        background(Task.Kind.CLONE, () -> {
            try {
                server.replicaCreation().create(makingOfStandbyLeader(), from, VERY_LONG, cloneProgress::told);
            } finally {
                cloneProgress.over();
            }
            memory.succeeded();
            startStandby(from, Action.STARTED);
        });
    }

    private ReplicaMaking makingOfStandbyLeader() {
        return settings.current()
                .dynamic()
                .standbyCluster()
                .map(c -> settings.making().inOrder(c.createReplicaMethods()))
                .orElse(settings.making());
    }

    void copySlots(Decision.CopySlots wanted) {
        tasks.start(
                Task.Kind.COPY_SLOTS,
                PATIENCE,
                () -> {
                    Set<String> copied = server.copyLogicalSlots(wanted.leader(), wanted.slots(), SHORT, () -> {
                        beforeStop(false);
                        stopFast();
                    });
                    memory.slotsCopied(copied, copied.equals(wanted.slots()), clock.nanos());
                    if (server.postmasterPid().isEmpty()) {
                        startStandby(wanted.following(), Action.RESTARTED);
                    }
                },
                () -> memory.slotsCopied(Set.of(), false, clock.nanos()));
    }

    void startReplica(Upstream upstream) {
        background(Task.Kind.START_REPLICA, () -> startStandby(upstream, Action.STARTED));
    }

    private void startStandby(Upstream upstream, Action action) throws PostgresException {
        startStandby(upstream, action, startStop());
    }

    private void startStandby(Upstream upstream, Action action, Duration readyWithin) throws PostgresException {
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

    void startPrimary(String standbyNames) {
        long notAfter = lease.startNotAfterCentis();
        background(Task.Kind.START_PRIMARY, () -> {
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
        });
    }

    void prePromote(long epoch) {
        tasks.start(
                Task.Kind.PRE_PROMOTE,
                PATIENCE,
                () -> memory.prePromoted(
                        epoch, Hook.run("pre_promote", scripts().prePromote(), startStop())),
                () -> memory.prePromoted(epoch, false));
    }

    void crashRecovery() {
        memory.crashRecoveryTried();
        tasks.start(
                Task.Kind.CRASH_RECOVERY,
                PATIENCE,
                () -> {
                    // A fired guard kills whatever runs here; nobody can connect to this.
                    lease.disarm();
                    server.crashRecovery(VERY_LONG);
                },
                () -> {});
    }

    void promote(Set<String> slotsFor, int timeline, Set<String> unproven) {
        background(Task.Kind.PROMOTE, () -> {
            requireGuard();
            if (!unproven.isEmpty()) {
                LOG.warn(
                        "Logical slots {} might be unsafe to use after promotion: it was not yet known that the leader"
                                + " had kept the rows of its catalogs for them",
                        unproven);
            }
            // One that fails is made later: nobody is kept from writing for it.
            server.changeSlots(
                    slotsFor.stream()
                            .<SlotChange>map(member -> new SlotChange.CreatePhysical(SlotName.of(member)))
                            .toList(),
                    SHORT);
            sharding.beforePromote();
            server.promote(timeline, startStop());
            sharding.afterPromote();
            memory.forgetUpstream();
            memory.succeeded();
            callbacks.happened(Action.PROMOTED, Role.PRIMARY);
        });
    }

    /** Nothing becomes writable before the guard holds its deadline. */
    private void requireGuard() throws PostgresException {
        Optional<String> why = lease.whyNotWritable(settings.current().settings(), SHORT);
        if (why.isPresent()) {
            throw new PostgresException(why.get());
        }
    }

    void stop(Decision.StopMode mode) {
        boolean urgent = mode == Decision.StopMode.IMMEDIATE;
        tasks.start(
                urgent ? Task.Kind.STOP_NOW : Task.Kind.STOP,
                urgent ? URGENT : PATIENCE,
                () -> {
                    boolean ran = server.postmasterPid().isPresent();
                    if (ran) {
                        beforeStop(urgent);
                    }
                    switch (mode) {
                        case GRACEFUL -> {
                            checkpointQuietly();
                            sharding.beforeDemote();
                            stopFast();
                        }
                        case FAST -> {
                            sharding.beforeDemote();
                            stopFast();
                        }
                        case IMMEDIATE -> stopNow();
                    }
                    if (ran) {
                        callbacks.stopped();
                    }
                },
                () -> {});
    }

    /** A stop that fences waits for nobody. */
    private void beforeStop(boolean urgent) throws InterruptedException {
        if (urgent) {
            Hook.begin("before_stop", scripts().beforeStop());
        } else {
            Hook.run("before_stop", scripts().beforeStop(), startStop());
        }
    }

    /** What is on disk before the shutdown need not be written during it, while nobody can write. */
    private void checkpointQuietly() {
        try {
            server.checkpoint(startStop());
        } catch (PostgresException e) {
            LOG.warn("The checkpoint before the shutdown failed: {}", e.getMessage());
        }
    }

    private void stopFast() throws PostgresException {
        try {
            server.stop(StopMode.FAST, longestStop());
        } catch (PostgresException e) {
            LOG.warn("{}; stopping it immediately", e.getMessage());
            stopNow();
        }
    }

    /** Where commits wait for standbys, an immediate stop loses nothing: it need not be put off for long. */
    private Duration longestStop() {
        Duration configured = settings.current().dynamic().primaryStopTimeout();
        boolean synchronous = !settings.current().settings().synchronous().isOff();
        return synchronous && configured.isPositive() ? configured : startStop();
    }

    private void stopNow() throws PostgresException {
        try {
            server.stop(StopMode.IMMEDIATE, Duration.ofMillis(500));
        } catch (PostgresException e) {
            LOG.warn("{}; killing it", e.getMessage());
            server.kill();
        }
    }

    void checkDivergence(Upstream.Of leader, long epoch) {
        tasks.start(
                Task.Kind.CHECK_DIVERGENCE,
                PATIENCE,
                () -> {
                    switch (server.checkDivergence(leader, Duration.ofSeconds(10))) {
                        case Divergence.NotDiverged none -> {
                            LOG.info("The local history is part of {}'s", leader.member());
                            memory.compared(epoch, new dev.matriarch.agent.ha.Divergence.None());
                        }
                        case Divergence.Diverged(String reason, boolean rewindable) -> {
                            LOG.warn("The local history has diverged from {}'s: {}", leader.member(), reason);
                            memory.compared(epoch, new dev.matriarch.agent.ha.Divergence.Found(reason, rewindable));
                        }
                        case Divergence.Unknown(String reason) ->
                            throw new PostgresException("could not compare with " + leader.member() + ": " + reason);
                    }
                },
                () -> memory.notCompared(
                        clock.nanos(), settings.current().settings().loopWait()));
    }

    void rewind(Upstream.Of leader) {
        tasks.start(
                Task.Kind.REWIND,
                PATIENCE,
                () -> {
                    server.rewind(leader, VERY_LONG);
                    memory.rewound(true);
                    memory.succeeded();
                },
                () -> memory.rewound(false));
    }

    /** Makes room for a clone. */
    void discard(String because) throws PostgresException {
        LOG.warn(
                "The data directory {} is given up: {}",
                settings.local().postgres().dataDir(),
                because);
        if (settings.postgres().keepDiscarded()) {
            LOG.warn("It was moved to {}", server.setAside("discarded"));
        } else if (settings.making().overData()) {
            LOG.warn("It stays where it is: the method that makes replicas uses it (keep_data)");
            server.replicaCreation().keepForCopy(because);
        } else {
            server.remove(because);
        }
        memory.dataGone();
    }

    /** Makes room without deleting anything. */
    void setAside(String because) throws PostgresException {
        LOG.warn("{}", server.firstServer().giveUp(because));
        memory.dataGone();
    }

    /** @return completes with true when the server accepts connections again */
    CompletableFuture<Boolean> restart(Decision.Restart wanted) {
        boolean paused = settings.current().settings().paused();
        return background(Task.Kind.RESTART, () -> {
            beforeStop(false);
            checkpointQuietly();
            sharding.beforeDemote();
            stopFast();
            if (wanted.asPrimary()) {
                writeConfiguration(null, Optional.of(wanted.names()));
                if (paused) {
                    // Nothing is fenced while an operator is at work, and the lock may be somebody else's.
                    server.start(startStop());
                } else {
                    requireGuard();
                    server.startAsPrimaryNotAfter(lease.startNotAfterCentis(), startStop());
                }
                watchPostmaster();
                server.awaitReady(startTimeout(wanted));
                sharding.afterPromote();
                memory.succeeded();
                callbacks.happened(Action.RESTARTED, Role.PRIMARY);
            } else {
                startStandby(wanted.upstream(), Action.RESTARTED, startTimeout(wanted));
            }
        });
    }

    /** With 0 a crashed primary is not waited for; a restart that somebody asked for is. */
    private Duration startTimeout(Decision.Restart wanted) {
        Duration usual = settings.current().settings().primaryStartTimeout();
        return wanted.timeout().orElse(usual.isZero() ? startStop() : usual);
    }

    /** Interrupts the long action that runs, and waits a moment for its end. */
    void cancel() {
        tasks.cancel(PATIENCE);
    }

    /** The heartbeat is woken the moment the postmaster dies. */
    void watchPostmaster() {
        if (!server.onExit(wake)) {
            wake.run();
        }
    }
}
