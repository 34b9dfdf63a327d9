package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.DynamicConfig;
import dev.matriarch.agent.config.EffectiveConfig;
import dev.matriarch.agent.ha.Candidacy;
import dev.matriarch.agent.ha.Failsafe;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Order;
import dev.matriarch.agent.ha.ScheduledRestart;
import dev.matriarch.agent.ha.Survey;
import dev.matriarch.agent.ha.Tags;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.ha.WritePath;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.agent.recorder.Chronicle;
import dev.matriarch.agent.recorder.Event;
import dev.matriarch.agent.rpc.LocalAgent;
import dev.matriarch.agent.rpc.Outcome;
import dev.matriarch.agent.rpc.Position;
import dev.matriarch.agent.rpc.Progress;
import dev.matriarch.agent.rpc.Pulse;
import dev.matriarch.agent.rpc.ReinitOrder;
import dev.matriarch.agent.rpc.RestartOrder;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.rest.Snapshot;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What both doors see of the agent: the last observation, and a place to leave orders. Any thread.
 */
final class FrontDesk implements LocalAgent, Publisher {
    private static final Duration ASK_POSTGRES = Duration.ofMillis(500);
    private static final Duration LONGEST_CLONE = Duration.ofHours(24);
    private static final Duration UNKNOWN_AGE = Duration.ofDays(365);

    private final SettingsSource settings;
    private final Dcs dcs;
    private final PostgresServer server;
    private final Memory memory;
    private final Clock clock;
    private final Reloads reloads;
    private final Chronicle chronicle;
    private volatile Heartbeat heartbeat;
    private volatile Observation last;
    private volatile OptionalLong leaseDeadline = OptionalLong.empty();
    private volatile Optional<ClusterView> view = Optional.empty();
    private volatile long viewNanos;
    private volatile long viewSeconds;
    private long published;

    FrontDesk(
            SettingsSource settings,
            Dcs dcs,
            PostgresServer server,
            Memory memory,
            Clock clock,
            Reloads reloads,
            Chronicle chronicle) {
        this.settings = settings;
        this.dcs = dcs;
        this.server = server;
        this.memory = memory;
        this.clock = clock;
        this.reloads = reloads;
        this.chronicle = chronicle;
    }

    void open(Heartbeat started) {
        heartbeat = started;
    }

    /** True once the first observation is there to answer from. */
    boolean ready() {
        return last != null;
    }

    @Override
    public void publish(Observation seen, OptionalLong deadline) {
        last = seen;
        leaseDeadline = deadline;
        seen.view().ifPresent(v -> {
            view = Optional.of(v);
            viewNanos = seen.now();
            viewSeconds = seen.wallClock().getEpochSecond();
        });
        synchronized (this) {
            published++;
            notifyAll();
        }
    }

    // --- for the REST door ---

    Observation last() {
        return last;
    }

    private String state(Observation seen) {
        boolean custom = settings.local().bootstrap().method().isPresent();
        return ServerState.words(seen.postgres(), seen.task(), memory.lastAction(), custom);
    }

    /** The last observation, for the REST door. */
    Snapshot snapshot() {
        Observation seen = last;
        return SnapshotOf.observation(
                seen,
                state(seen),
                settings,
                view,
                view.isPresent() ? OptionalLong.of(viewNanos) : OptionalLong.empty(),
                view.isPresent() ? OptionalLong.of(viewSeconds) : OptionalLong.empty(),
                leaseDeadline);
    }

    // --- for those who examine the agent ---

    /** Why the kernel's watchdog is unusable; else empty. */
    String watchdogProblem() {
        return last.watchdog().why();
    }

    /** Why PostgreSQL's writes may not reach the disk; else empty. */
    String writeProblem() {
        WritePath writes = last.situation().writePath();
        return writes.failingSince().isPresent() ? writes.problem() : "";
    }

    // --- for the gRPC door ---

    @Override
    public String name() {
        return settings.local().name();
    }

    @Override
    public String scope() {
        return settings.local().scope();
    }

    @Override
    public String version() {
        return Version.TEXT;
    }

    @Override
    public Optional<ClusterView> view() {
        return view;
    }

    @Override
    public Duration viewAge() {
        return view.isPresent() ? Duration.ofNanos(clock.nanos() - viewNanos) : UNKNOWN_AGE;
    }

    @Override
    public DynamicConfig dynamicConfig() {
        return settings.current().dynamic();
    }

    @Override
    public LocalPostgres postgres() {
        return last.postgres();
    }

    @Override
    public Dcs dcs() {
        return dcs;
    }

    @Override
    public boolean holdsLease() {
        OptionalLong deadline = leaseDeadline;
        return deadline.isPresent() && deadline.getAsLong() - clock.nanos() > 0;
    }

    @Override
    public Candidacy candidacy(Survey others) {
        return Candidacy.of(last, others);
    }

    @Override
    public Pulse pulse() {
        Observation seen = last;
        long now = clock.nanos();
        OptionalLong deadline = leaseDeadline;
        long late = now - (seen.now() + settings.current().settings().loopWait().toNanos());
        return new Pulse(
                deadline.isPresent() && deadline.getAsLong() - now > 0
                        ? Optional.of(Duration.ofNanos(deadline.getAsLong() - now))
                        : Optional.empty(),
                seen.situation().guarded(),
                switch (seen.watchdog().state()) {
                    case OFF -> "off";
                    case READY -> "ready";
                    case RUNNING -> "active";
                    case UNUSABLE -> "failed";
                },
                Duration.ofNanos(Math.max(0, late)),
                chronicle.lastDecision(),
                dcs.measures(),
                state(seen));
    }

    @Override
    public List<Event> events(Instant since, int most) {
        return chronicle.since(since, most);
    }

    @Override
    public Position position() {
        Optional<LocalPostgres.Status> status = server.observe(ASK_POSTGRES).status();
        Tags tags = Tags.of(settings.local().tags());
        return new Position(
                status.isPresent(),
                status.map(LocalPostgres.Status::inRecovery).orElse(true),
                status.map(LocalPostgres.Status::position).orElse(Lsn.INVALID),
                status.map(LocalPostgres.Status::timeline).orElse(0),
                // Who has no room to lead is no candidate, and does not stand in the way of one.
                tags.nofailover() || !last.situation().writePath().fits(),
                tags.priority(),
                last.watchdog().failed());
    }

    @Override
    public Optional<String> promise(String leader, String connUrl, String apiUrl, Duration ttl) {
        Optional<String> refusal = Failsafe.refusal(last, view, leader, ttl);
        if (refusal.isPresent()) {
            return refusal;
        }
        long now = clock.nanos();
        if (!memory.promise(new Failsafe.Promise(leader, connUrl, apiUrl, now + ttl.toNanos()), now)) {
            return Optional.of("another leader has my promise");
        }
        // The heartbeat makes its lease known before it reads the promise: one of the two notices the other.
        return holdsLease() || last.postgres().isPrimary() ? Optional.of("running as a leader") : Optional.empty();
    }

    @Override
    public void noteOrder(String sentence) {
        chronicle.note(new Event(clock.wall(), Event.Kind.ORDER, false, sentence));
    }

    @Override
    public Outcome restart(RestartOrder order, Duration timeout, Progress progress) {
        if (last.task().isPresent()) {
            return new Outcome(503, last.task().get().kind().words() + " already in progress");
        }
        Order.Restart wanted = new Order.Restart(order.timeout());
        var before = heartbeat.lastRestart();
        if (!heartbeat.order(wanted)) {
            return new Outcome(503, "another order is already in progress");
        }
        OrderSteps steps = new OrderSteps(progress);
        await(timeout, () -> {
            tell(steps);
            return heartbeat.lastRestart() != before && heartbeat.lastRestart().isDone();
        });
        tell(steps);
        heartbeat.withdraw(wanted);
        if (heartbeat.lastRestart() == before) {
            return new Outcome(503, "restart failed: it could not begin; the agent's log says why");
        }
        if (heartbeat.lastRestart().getNow(false)) {
            return new Outcome(200, "restarted successfully");
        }
        return new Outcome(
                503,
                last.postgres().process() == LocalPostgres.Process.STARTING
                        ? "postgres is still starting"
                        : "restart failed");
    }

    @Override
    public Outcome scheduleRestart(RestartOrder order, Instant at) {
        Optional<LocalPostgres.Status> status = last.postgres().status();
        if (status.isEmpty()) {
            return new Outcome(503, "PostgreSQL does not answer; nothing was scheduled");
        }
        boolean taken = heartbeat.schedule(new ScheduledRestart(
                at, order.filter(), order.timeout(), status.get().postmasterStartTime()));
        return taken ? new Outcome(202, "Restart scheduled") : new Outcome(409, "Another restart is already scheduled");
    }

    @Override
    public Outcome cancelScheduledRestart() {
        return heartbeat.dropScheduledRestart()
                ? new Outcome(200, "scheduled restart deleted")
                : new Outcome(404, "no restarts are scheduled");
    }

    private synchronized boolean await(Duration timeout, java.util.function.BooleanSupplier condition) {
        long deadline = clock.nanos() + timeout.toNanos();
        try {
            while (!condition.getAsBoolean()) {
                long left = (deadline - clock.nanos()) / 1_000_000;
                if (left <= 0) {
                    return false;
                }
                wait(left);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    @Override
    public Outcome reinitialize(ReinitOrder order, Progress progress) {
        if (order.cancel()) {
            return cancelClone();
        }
        if (view.map(ClusterView::isUnlocked).orElse(true)) {
            return new Outcome(503, "Cluster has no leader, can not reinitialize");
        }
        if (holdsLease() || last.postgres().isPrimary()) {
            return new Outcome(503, "I am the leader, can not reinitialize");
        }
        if (last.task().isPresent() && !order.force()) {
            return new Outcome(503, last.task().get().kind().words() + " already in progress");
        }
        Order wanted = new Order.Reinitialize(order.force(), order.fromLeader());
        if (!heartbeat.order(wanted)) {
            return new Outcome(503, "another order is already in progress");
        }
        progress.goesOn();
        Thread.ofVirtual().name("reinitialize-steps").start(() -> followClone(wanted, progress));
        return new Outcome(200, "reinitialize started");
    }

    /** Only looks: the heartbeat carries it out, whatever becomes of this. */
    private void followClone(Order wanted, Progress progress) {
        OrderSteps steps = new OrderSteps(progress);
        boolean[] begun = new boolean[1];
        boolean ended = await(LONGEST_CLONE, () -> {
            tell(steps);
            if (heartbeat.isOutdated(wanted)) {
                return true;
            }
            Observation seen = last;
            begun[0] |= seen.task().filter(t -> t.kind() == Task.Kind.CLONE).isPresent();
            boolean over =
                    memory.wishes().cloneHeld() || seen.postgres().status().isPresent();
            return begun[0] && seen.task().isEmpty() && over;
        });
        progress.ended(
                heartbeat.isOutdated(wanted)
                        ? new Outcome(503, "this member leads now: nothing was copied, its data stays as it was")
                        : !ended
                                ? new Outcome(
                                        503, "the copy is not complete after " + LONGEST_CLONE.toHours() + " hours")
                                : memory.wishes().cloneHeld()
                                        ? new Outcome(409, "creating the replica is cancelled")
                                        : new Outcome(200, "reinitialized: PostgreSQL runs with the new copy"));
    }

    private void tell(OrderSteps steps) {
        Observation seen = last;
        steps.saw(state(seen), chronicle.lastDecision());
    }

    private Outcome cancelClone() {
        boolean cloning = last.task().filter(t -> t.kind() == Task.Kind.CLONE).isPresent();
        if (!cloning) {
            return new Outcome(404, "no copy is being made");
        }
        memory.holdClone(true);
        heartbeat.wake();
        return new Outcome(200, "creating the replica is cancelled; reinit begins it again");
    }

    @Override
    public Outcome reload(Progress progress) {
        return reloads.reload(progress);
    }

    @Override
    public List<EffectiveConfig.Row> effectiveConfig() {
        return reloads.effective();
    }

    @Override
    public void wake(String why) {
        heartbeat.wake();
    }
}
