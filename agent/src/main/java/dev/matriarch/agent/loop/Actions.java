package dev.matriarch.agent.loop;

import dev.matriarch.agent.callbacks.Action;
import dev.matriarch.agent.callbacks.Callbacks;
import dev.matriarch.agent.callbacks.Hook;
import dev.matriarch.agent.callbacks.Role;
import dev.matriarch.agent.config.ReplicaMaking;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
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
    private final ServerStart start;
    private final ServerStop stop;
    private final AfterPromotion afterPromotion;
    private final CloneReport cloneProgress;
    private final Comparison comparison;

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
        this.start = new ServerStart(server, settings, lease, memory, clock, callbacks, sharding, wake);
        this.stop = new ServerStop(server, settings, callbacks, sharding);
        this.comparison = new Comparison(
                memory, clock, () -> settings.current().settings().loopWait());
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

    private CompletableFuture<Boolean> background(Task.Kind kind, TaskRunner.Work work) {
        return tasks.start(kind, PATIENCE, work, () -> memory.failed(clock.nanos()));
    }

    // --- Short steps ---

    /** With a server that has to be restarted for it this is a long action. */
    void follow(Upstream upstream) throws PostgresException {
        start.writeConfiguration(upstream, Optional.of(""));
        if (server.configuration().restartsToFollow()) {
            background(Task.Kind.START_REPLICA, () -> {
                stop.ofStandby();
                start.standby(upstream, Action.RESTARTED);
            });
            return;
        }
        server.configuration().follow(upstream);
        memory.followed(upstream, clock.nanos());
        callbacks.happened(Action.RELOADED, ServerStart.role(upstream));
    }

    void standbyNames(String value) throws PostgresException {
        if (!server.configuration().isWritten()) {
            start.writeConfiguration(null, Optional.of(value));
        }
        server.configuration().setSynchronousStandbyNames(value, SHORT);
        callbacks.reloaded();
    }

    void slots(List<SlotChange> changes) throws PostgresException {
        memory.slotsChanged(changes, server.changeSlots(changes, SHORT), clock.nanos());
    }

    /** Brings a running server's files in line with changed parameters. */
    void applyParameters(boolean primary, String standbyNames) throws PostgresException {
        Upstream upstream = primary ? null : memory.situation(false).following().orElse(new Upstream.Nobody());
        start.writeConfiguration(upstream, Optional.of(standbyNames));
        server.configuration().reload();
        callbacks.happened(Action.RELOADED, primary ? Role.PRIMARY : ServerStart.role(upstream));
    }

    // --- Long actions ---

    void bootstrap() {
        Founding founding = new Founding(server, settings, lease, memory, sharding);
        background(Task.Kind.BOOTSTRAP, () -> {
            founding.run(start::first);
            callbacks.happened(Action.STARTED, Role.PRIMARY);
        });
    }

    void cloneFrom(Upstream.Of from, long leaderEpoch) {
        background(Task.Kind.CLONE, () -> {
            copy(settings.making(), from);
            memory.compared(leaderEpoch, new dev.matriarch.agent.ha.Divergence.None());
            memory.cloneFromLeader(false);
            memory.succeeded();
            start.standby(from, Action.STARTED);
        });
    }

    private void copy(ReplicaMaking making, Upstream from) throws PostgresException {
        try {
            server.replicaCreation().create(making, from, VERY_LONG, cloneProgress::told);
        } finally {
            cloneProgress.over();
        }
    }

    /** Whoever has the archive's data can be elected, and says by itself on which timeline it is. */
    void cloneWithoutLeader() {
        background(Task.Kind.CLONE, () -> {
            copy(settings.making(), new Upstream.Nobody());
            memory.succeeded();
            start.standby(new Upstream.Nobody(), Action.STARTED);
        });
    }

    void cloneRemote(Upstream.Remote from) {
        background(Task.Kind.CLONE, () -> {
            copy(makingOfStandbyLeader(), from);
            memory.succeeded();
            start.standby(from, Action.STARTED);
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
                    Set<String> copied =
                            server.copyLogicalSlots(wanted.leader(), wanted.slots(), SHORT, stop::ofStandby);
                    memory.slotsCopied(copied, copied.equals(wanted.slots()), clock.nanos());
                    if (server.postmasterPid().isEmpty()) {
                        start.standby(wanted.following(), Action.RESTARTED);
                    }
                },
                () -> memory.slotsCopied(Set.of(), false, clock.nanos()));
    }

    void startReplica(Upstream upstream) {
        background(Task.Kind.START_REPLICA, () -> start.standby(upstream, Action.STARTED));
    }

    void startPrimary(String standbyNames) {
        long notAfter = lease.startNotAfterCentis();
        background(Task.Kind.START_PRIMARY, () -> start.primary(standbyNames, notAfter));
    }

    void prePromote(long epoch) {
        tasks.start(
                Task.Kind.PRE_PROMOTE,
                PATIENCE,
                () -> memory.prePromoted(
                        epoch,
                        Hook.run("pre_promote", settings.postgres().scripts().prePromote(), startStop())),
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
            start.requireGuard();
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

    void stop(Decision.StopMode mode) {
        boolean urgent = mode == Decision.StopMode.IMMEDIATE;
        tasks.start(
                urgent ? Task.Kind.STOP_NOW : Task.Kind.STOP,
                urgent ? URGENT : PATIENCE,
                () -> stop.run(mode),
                () -> {});
    }

    void checkDivergence(Upstream.Of leader, long epoch) {
        tasks.start(
                Task.Kind.CHECK_DIVERGENCE,
                PATIENCE,
                () -> comparison.ended(leader.member(), epoch, server.checkDivergence(leader, Duration.ofSeconds(10))),
                comparison::failed);
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
            stop.forRestart();
            start.again(wanted, paused);
        });
    }

    /** Interrupts the long action that runs, and waits a moment for its end. */
    void cancel() {
        tasks.cancel(PATIENCE);
    }

    /** The heartbeat is woken the moment the postmaster dies. */
    void watchPostmaster() {
        start.watchPostmaster();
    }
}
