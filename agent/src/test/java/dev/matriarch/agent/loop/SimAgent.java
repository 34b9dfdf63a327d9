package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.ha.Decider;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Failsafe;
import dev.matriarch.agent.ha.LeaderStatus;
import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.NewTimeline;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Order;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Store;
import dev.matriarch.agent.ha.Survey;
import dev.matriarch.agent.ha.Tags;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.ha.Watchdog;
import dev.matriarch.agent.ha.WritePath;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.ClusterCommands;
import dev.matriarch.raft.Confirmed;
import dev.matriarch.sim.SimConfig;
import dev.matriarch.sim.SimHost;
import dev.matriarch.sim.SimPostgres;
import dev.matriarch.sim.World;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The heartbeat of {@link Heartbeat} without threads: what waits there is continued by an event here. The decision core,
 * the memory, the settings, the arithmetic of the lease and the published record are the real ones.
 */
public final class SimAgent {
    private static final int MOST_STEPS = 25;
    private static final long SHORTEST_CALL = 50_000_000L;
    private static final long RESTART_PATIENCE = 20_000_000_000L;

    private final SimHost host;
    private final World world;
    private final String me;
    private final Memory memory;
    private final Grip grip = new Grip();
    private final SettingsSource settings;
    private final Tags tags;
    private final SimActions actions;
    private final Perception perception;
    private final SimPeers peers;
    private final List<Runnable> deferred = new ArrayList<>();
    private boolean alive = true;
    private boolean paused;
    private boolean armed;
    private boolean adopted;
    private boolean beating;
    private boolean wakePending;
    private int sleep;
    private Optional<Order> order = Optional.empty();
    private boolean watching;
    private long leaderEpoch;
    private Member lastMember;
    private String lastJson = "";
    private String touchedJson = "";
    private long touchedAt;
    private String lastSentence = "";
    private int exitCode = -1;

    // One heartbeat
    private long started;
    private int steps;
    private Store seen = new Store.Unreachable("not asked yet");
    private LocalPostgres postgres;
    private Optional<Survey> survey = Optional.empty();
    private Optional<Task> taskSeen = Optional.empty();
    private long surveyedOn;
    private boolean renewed;
    private Confirmed confirmed = Confirmed.NOTHING;
    private Decision decision;

    /** What the doors answer from. */
    private Observation last;

    private OptionalLong hungSince = OptionalLong.empty();

    public SimAgent(SimHost host) {
        this.host = host;
        this.world = host.world();
        this.me = host.name();
        AgentConfig config = SimConfig.of(me, world.plan().mayDiscard());
        this.memory = new Memory(host.nanos());
        this.tags = Tags.of(config.tags());
        this.settings = new SettingsSource(config, world.plan().config(), SimSettings::read);
        this.actions = new SimActions(host, this);
        this.peers = new SimPeers(host, this);
        this.perception = new Perception(me, memory, actions.afterPromotion());
    }

    // --- The process ---

    public void start() {
        armed = host.guards().armed();
        adopted = armed;
        // Who wakes it before its first heartbeat does not begin a second one beside it.
        beating = true;
        world.events().after(host.rng().millis(1, 200), this::beat);
    }

    public boolean alive() {
        return alive;
    }

    public boolean paused() {
        return paused;
    }

    /** -1: it did not end by itself. */
    public int exitCode() {
        return exitCode;
    }

    public void die() {
        alive = false;
        deferred.clear();
    }

    public void pause(boolean value) {
        paused = value;
        if (!value) {
            List<Runnable> late = new ArrayList<>(deferred);
            deferred.clear();
            late.forEach(r -> world.events().after(0, () -> run(r)));
        }
    }

    /** Whatever reaches this process: not if it is dead, and later if it is paused. */
    public void run(Runnable action) {
        if (!alive) {
            return;
        }
        if (paused) {
            deferred.add(action);
        } else {
            action.run();
        }
    }

    public void after(long nanos, Runnable action) {
        world.events().after(nanos, () -> run(action));
    }

    public Memory memory() {
        return memory;
    }

    public long now() {
        return host.nanos();
    }

    public boolean holds() {
        return grip.held();
    }

    public boolean settingsPaused() {
        return settings.current().settings().paused();
    }

    public String lastSentence() {
        return lastSentence;
    }

    public void wake() {
        run(() -> {
            if (beating) {
                wakePending = true;
            } else {
                sleep++;
                beating = true;
                world.events().after(200_000, () -> run(this::beat));
            }
        });
    }

    /** False if another order is being carried out. */
    public boolean order(Order wanted) {
        if (!(wanted instanceof Order.Shutdown) && order.isPresent()) {
            return false;
        }
        order = Optional.of(wanted);
        if (wanted instanceof Order.Restart) {
            // Who asked for it does not wait for ever.
            after(RESTART_PATIENCE, () -> order = order.filter(o -> o != wanted));
        }
        wake();
        return true;
    }

    public void restartTaken() {
        order = order.filter(o -> !(o instanceof Order.Restart));
    }

    // --- The heartbeat ---

    private void beat() {
        beating = true;
        started = now();
        steps = 0;
        survey = Optional.empty();
        surveyedOn = Long.MAX_VALUE;
        renewed = false;
        decision = Decision.idle("too many steps in one heartbeat");
        read(() -> {
            postgres = look();
            step();
        });
    }

    private Settings settings() {
        return settings.current().settings();
    }

    private long timeout() {
        long most = settings().retryTimeout().toNanos();
        if (grip.deadline().isEmpty() || settings().paused()) {
            return most;
        }
        long left = grip.deadline().getAsLong() - settings().safetyMargin().toNanos() - now();
        return Math.clamp(left, SHORTEST_CALL, Math.max(most, SHORTEST_CALL));
    }

    private void read(Runnable then) {
        readUntil(world.events().now() + timeout(), then);
    }

    private void readUntil(long deadline, Runnable then) {
        long limit = world.plan().retryTimeout();
        if (world.raft().age(host.index()) <= limit) {
            if (world.raft().isCaughtUp(host.index())) {
                known();
                then.run();
            } else {
                world.raft()
                        .catchUp(
                                host.index(),
                                Math.max(0, deadline - world.events().now()),
                                done -> run(() -> {
                                    if (done) {
                                        known();
                                    } else {
                                        seen = new Store.Unreachable("the local copy has not caught up");
                                    }
                                    then.run();
                                }));
            }
            return;
        }
        if (world.events().now() >= deadline) {
            seen = new Store.Unreachable("the local copy of the built-in store is out of touch");
            then.run();
            return;
        }
        long again = Math.min(deadline, world.events().now() + 250_000_000L);
        world.events().at(again, () -> run(() -> readUntil(deadline, then)));
    }

    private void known() {
        if (!confirmed.shownBy(world.raft().local(host.index()), now())) {
            seen = new Store.Unreachable("the local copy does not show yet what was confirmed");
            return;
        }
        ClusterView view = world.raft().view(host.index());
        leaderEpoch = view.leader().map(l -> l.epoch()).orElse(0L);
        seen = new Store.Known(view);
    }

    private Optional<ClusterView> view() {
        return seen instanceof Store.Known(ClusterView view) ? Optional.of(view) : Optional.empty();
    }

    private long revision() {
        return view().map(ClusterView::revision).orElse(0L);
    }

    private LocalPostgres look() {
        taskSeen = actions.current();
        LocalPostgres found = host.postgres().observe();
        Duration again = perception.server(
                found, actions.current().isPresent(), grip.deadline().isPresent(), settings(), now());
        if (!again.isZero()) {
            after(again.toNanos(), this::wake);
        }
        boolean lives = found.process() != LocalPostgres.Process.STOPPED;
        if (!watching && lives) {
            host.postgres().onExit(this::wake);
        }
        watching = lives;
        return found;
    }

    private boolean guarded() {
        host.guards().ensure();
        return armed;
    }

    private Observation observe(Settings inForce) {
        Duration fresh = renewed ? inForce.ttl() : inForce.loopWait().dividedBy(2);
        Lease lease = grip.lease(now(), fresh);
        if (lease instanceof Lease.NotHeld && grip.held()) {
            grip.drop();
        }
        long now = now();
        perception.moment(new Perception.Moment(
                seen,
                postgres,
                lease,
                order.isPresent(),
                writePath(lease instanceof Lease.Held),
                settings.current().dynamic().memberSlotsTtl(),
                now));
        return new Observation(
                now,
                Instant.ofEpochMilli(host.wallMillis()),
                me,
                tags,
                seen,
                lease,
                postgres,
                inForce,
                memory.situation(guarded()),
                taskSeen,
                survey,
                order,
                Watchdog.OFF);
    }

    private void step() {
        while (true) {
            if (steps++ >= MOST_STEPS) {
                afterwards();
                return;
            }
            Settings inForce = settings.update(view()).settings();
            if (!actions.current().equals(taskSeen)) {
                postgres = look();
            }
            Observation observation = observe(inForce);
            last = observation;
            Decision before = decision;
            decision = Decider.decide(observation);
            if (decision.equals(before)) {
                decision = Decision.soon("tried and still to do: " + decision.because(), Duration.ofMillis(300));
            }
            say(decision);
            world.judge().decided(host, observation, decision);
            if (ends(decision)) {
                afterwards();
                return;
            }
            switch (decision) {
                case Decision.RenewLease renew -> {
                    renew(renew.epoch(), inForce);
                    return;
                }
                case Decision.ClaimTimeline claim -> {
                    renew(
                            claim.claim().epoch(),
                            inForce,
                            view().map(view -> NewTimeline.claiming(view, claim.claim())));
                    return;
                }
                case Decision.AcquireLease acquire -> {
                    acquire(inForce);
                    return;
                }
                case Decision.AskPeers ask -> {
                    surveyedOn = revision();
                    peers.survey(ask.members(), view(), answers -> {
                        survey = Optional.of(answers);
                        step();
                    });
                    return;
                }
                case Decision.Cancel cancel -> {
                    actions.cancel();
                    postgres = look();
                }
                case Decision.AskForPromises asking -> {
                    askForPromises(asking.members(), inForce);
                    return;
                }
                case Decision.Discard discard -> {
                    discard();
                    order = order.filter(o -> !(o instanceof Order.Reinitialize));
                    postgres = look();
                }
                case Decision.Follow follow -> {
                    int upstream = actions.index(follow.upstream());
                    host.postgres().data().configure(upstream, "");
                    host.postgres().follow(upstream);
                    memory.followed(follow.upstream(), now());
                }
                case Decision.SetStandbyNames set -> {
                    setNames(set.setting());
                    return;
                }
                case Decision.SyncSlots sync -> {
                    host.postgres().data().changeSlots(sync.changes());
                    memory.slotsChanged(sync.changes(), Set.of(), now());
                    postgres = look();
                }
                case Decision.ReleaseLease release -> {
                    release(release);
                    return;
                }
                case Decision.WriteInitialize write -> {
                    write(ClusterCommands.write(ClusterKeys.INITIALIZE, write.systemIdentifier(), write.expected()));
                    return;
                }
                case Decision.RemoveInitialize remove -> {
                    write(ClusterCommands.remove(ClusterKeys.INITIALIZE, Expected.anything()));
                    return;
                }
                case Decision.SetAside aside -> {
                    discard();
                    postgres = look();
                }
                case Decision.WriteConfig write -> {
                    write(ClusterCommands.write(
                            ClusterKeys.CONFIG, settings.current().json(), Expected.absent()));
                    return;
                }
                case Decision.WriteHistory write -> {
                    String json = ClusterJson.writeHistory(history());
                    write(ClusterCommands.write(ClusterKeys.HISTORY, json, Expected.anything()));
                    return;
                }
                case Decision.WriteFailover write -> {
                    Expected expected = Expected.revision(write.revision());
                    write(
                            write.request().isPresent()
                                    ? ClusterCommands.write(
                                            ClusterKeys.FAILOVER, ClusterJson.writeFailover(write.request()), expected)
                                    : ClusterCommands.remove(ClusterKeys.FAILOVER, expected));
                    return;
                }
                case Decision.WriteFailsafe write -> {
                    writeAsLeader(ClusterCommands.writeFailsafe(
                            world.raft().local(host.index()), me, grip.epoch(), write.apiUrls()));
                    return;
                }
                case Decision.WriteSync write -> {
                    writeAsLeader(ClusterCommands.writeSync(
                            world.raft().local(host.index()), me, grip.epoch(), write.state(), write.expected()));
                    return;
                }
                default -> throw new IllegalStateException("the simulator does not know " + decision);
            }
        }
    }

    private void say(Decision next) {
        String sentence = next.because();
        if (world.tracing()
                && !(next instanceof Decision.RenewLease && sentence.equals("heartbeat"))
                && (!sentence.equals(lastSentence) || !(next instanceof Decision.Wait))) {
            world.trace(me + " agent: " + next.getClass().getSimpleName() + ": " + sentence);
        }
        lastSentence = sentence;
    }

    private boolean ends(Decision next) {
        switch (next) {
            case Decision.Wait wait -> {}
            case Decision.Exit exit -> {}
            case Decision.Bootstrap bootstrap -> actions.bootstrap();
            case Decision.Clone clone -> actions.cloneFrom(clone.from(), leaderEpoch);
            case Decision.StartReplica start -> actions.startReplica(start.upstream());
            case Decision.StartPrimary start -> actions.startPrimary(start.names());
            case Decision.Promote promote -> actions.promote(promote.slotsFor(), promote.timeline());
            case Decision.Stop stop -> {
                memory.steppingDown(stop.handOver());
                if (stop.handOver() && stop.mode() == Decision.StopMode.IMMEDIATE) {
                    memory.abandon(now() + 3 * settings().ttl().toNanos());
                }
                actions.stop(stop.mode());
            }
            case Decision.CheckDivergence check -> actions.checkDivergence(check.leader(), check.epoch());
            case Decision.Rewind rewind -> actions.rewind(rewind.leader());
            case Decision.CrashRecovery recovery -> actions.crashRecovery();
            case Decision.Restart restart -> {
                restartTaken();
                memory.restarting(restart.timeout());
                actions.restart(restart.asPrimary(), restart.upstream(), restart.names());
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private void afterwards() {
        boolean writable = postgres.process() != LocalPostgres.Process.STOPPED && !postgres.isReplica();
        boolean calm = actions.current().isEmpty() && !writable || postgres.isSealed();
        boolean promoting = adopted && postgres.isReplica();
        if (settings().paused() || calm && !promoting && grip.deadline().isEmpty()) {
            disarm();
        }
        host.noteFencing(armed, settings().paused());
        if (decision instanceof Decision.Exit exit) {
            exitCode = exit.code();
            die();
            host.agentEnded();
            world.traceIf(() -> me + " agent: ends");
            return;
        }
        if (view().isPresent()) {
            publish(this::rest);
        } else {
            rest();
        }
    }

    private void rest() {
        beating = false;
        if (wakePending) {
            wakePending = false;
            wake();
            return;
        }
        int mine = ++sleep;
        world.events()
                .at(
                        host.whenNanosShow(NextBeat.at(started, decision, settings(), grip.deadline(), now())),
                        () -> run(() -> {
                            if (sleep == mine && !beating) {
                                beat();
                            }
                        }));
    }

    // --- The store ---

    private void submit(Command command, long timeout, Consumer<Optional<Reply>> then) {
        world.raft()
                .propose(host.index(), command, timeout, reply -> run(() -> then.accept(Optional.ofNullable(reply))));
    }

    private void lost() {
        seen = new Store.Unreachable("the built-in store did not answer");
        step();
    }

    private void writeAsLeader(Command command) {
        submit(command, timeout(), reply -> {
            if (reply.isEmpty()) {
                grip.renewAgain();
                lost();
            } else {
                confirmed = confirmed.with(reply.get().getRevision());
                read(this::step);
            }
        });
    }

    private void write(Command command) {
        submit(command, timeout(), reply -> {
            if (reply.isEmpty()) {
                lost();
            } else {
                read(this::step);
            }
        });
    }

    private void acquire(Settings inForce) {
        boolean taken = view().flatMap(ClusterView::pendingFailover)
                .map(Versioned::value)
                .filter(f -> !f.isSwitchover() && f.candidate().equals(Optional.of(me)))
                .isPresent();
        if (taken || inForce.paused()) {
            world.judge().forced(host.index());
        }
        long before = now();
        long beforeCentis = host.uptimeCentis();
        submit(
                ClusterCommands.acquireLeader(
                        world.raft().local(host.index()), me, inForce.ttl(), Math.min(surveyedOn, revision())),
                grip.renewalTimeout(before, inForce).toNanos(),
                reply -> {
                    if (reply.isEmpty()) {
                        lost();
                        return;
                    }
                    if (confirm(reply.get(), before, beforeCentis, inForce)) {
                        renewed = true;
                        memory.lockTaken();
                    } else {
                        world.judge().notForced(host.index());
                    }
                    read(this::step);
                });
    }

    private void renew(long epoch, Settings inForce) {
        renew(epoch, inForce, LeaderStatus.of(last));
    }

    private void renew(long epoch, Settings inForce, Optional<ClusterStatus> status) {
        long before = now();
        long beforeCentis = host.uptimeCentis();
        if (grip.renewing(before, beforeCentis, inForce, Duration.ZERO)) {
            host.leaseConfirmed(grip.deadline().getAsLong());
            arm(beforeCentis, inForce);
        }
        submit(
                ClusterCommands.renewLeader(world.raft().local(host.index()), me, epoch, inForce.ttl(), status),
                grip.renewalTimeout(before, inForce).toNanos(),
                reply -> {
                    if (reply.isEmpty()) {
                        lost();
                        return;
                    }
                    renewed |= confirm(reply.get(), before, beforeCentis, inForce);
                    read(this::step);
                });
    }

    private boolean confirm(Reply reply, long before, long beforeCentis, Settings inForce) {
        if (!reply.getApplied()) {
            grip.lost(reply.getOperations(reply.getOperationsCount() - 1).getHolder(), now());
            return false;
        }
        confirmed = new Confirmed(reply.getRevision(), now() + inForce.ttl().toNanos());
        grip.confirmed(reply.getOperations(0).getLeaseEpoch(), before, beforeCentis, inForce);
        host.leaseConfirmed(grip.deadline().getAsLong());
        arm(beforeCentis, inForce);
        return true;
    }

    private void arm(long beforeCentis, Settings inForce) {
        if (inForce.paused()) {
            disarm();
            host.noteFencing(false, true);
        } else {
            Grip.GuardTimes times = Grip.guardTimes(beforeCentis, inForce.ttl());
            host.guards().arm(times.quitAtCentis(), times.killAtCentis());
            armed = true;
            adopted = false;
            host.noteFencing(true, false);
        }
    }

    public void disarm() {
        if (armed) {
            host.guards().disarm();
            armed = false;
            adopted = false;
        }
    }

    public boolean guardAccepted() {
        return settings().paused() || armed && host.guards().living() == 2;
    }

    public long startNotAfterCentis() {
        return grip.startNotAfterCentis();
    }

    private void release(Decision.ReleaseLease release) {
        Optional<ClusterStatus> status =
                release.position().filter(p -> !p.equals(Lsn.INVALID)).map(p -> LeaderStatus.last(p, view()));
        long now = now();
        submit(
                ClusterCommands.releaseLeader(world.raft().local(host.index()), me, release.epoch(), status),
                timeout(),
                reply -> {
                    if (reply.isPresent() && !reply.get().getApplied()) {
                        grip.renewAgain();
                        read(this::step);
                        return;
                    }
                    grip.drop();
                    if (reply.isEmpty()) {
                        lost();
                        return;
                    }
                    boolean handedOver = memory.situation(false).steppingDown();
                    memory.released(now);
                    if (!handedOver) {
                        memory.standBack(now + settings().ttl().toNanos());
                    }
                    read(this::step);
                });
    }

    private TimelineHistory history() {
        return host.postgres().data().history();
    }

    private void publish(Runnable then) {
        Member member = MemberRecord.of(
                settings,
                false,
                order.isPresent() && postgres.isReplica(),
                postgres,
                ServerState.words(postgres, actions.current(), memory.lastAction(), false),
                actions.afterPromotion().pending(),
                Optional.empty(),
                memory.wishes());
        if (!member.equals(lastMember)) {
            lastMember = member;
            lastJson = ClusterJson.writeMember(member);
        }
        long ttl = settings().ttl().toNanos() * 2;
        long now = now();
        if (lastJson.equals(touchedJson)
                && now - touchedAt < ttl / 2
                && world.raft()
                        .local(host.index())
                        .entry(ClusterKeys.member(me))
                        .isPresent()) {
            then.run();
            return;
        }
        String json = lastJson;
        submit(
                ClusterCommands.touchMember(world.raft().local(host.index()), me, json, Duration.ofNanos(ttl)),
                timeout(),
                reply -> {
                    if (reply.isPresent() && reply.get().getApplied()) {
                        touchedJson = json;
                        touchedAt = now;
                    }
                    then.run();
                });
    }

    // --- The others ---

    /** What this member answers when it is asked; empty: nothing. */
    Optional<Survey.Answer> position() {
        Optional<LocalPostgres.Status> status = host.postgres().observe().status();
        return Optional.of(new Survey.Answer(
                me,
                true,
                status.isPresent(),
                status.map(LocalPostgres.Status::inRecovery).orElse(true),
                status.map(LocalPostgres.Status::position).orElse(Lsn.INVALID),
                status.map(LocalPostgres.Status::timeline).orElse(0),
                tags.nofailover()
                        || last != null && !last.situation().writePath().fits(),
                tags.priority()));
    }

    /** Failsafe mode: moves the deadline on if all of them promise in time. */
    private void askForPromises(Set<String> members, Settings inForce) {
        long before = now();
        long beforeCentis = host.uptimeCentis();
        long within = grip.renewalTimeout(before, inForce).toNanos();
        peers.promises(members, inForce.ttl(), within, all -> {
            if (all && grip.promised(now(), before, beforeCentis, inForce)) {
                host.leaseExtended(grip.deadline().getAsLong());
                arm(beforeCentis, inForce);
            }
            step();
        });
    }

    /** Whether this member, asked by that leader, promises not to race for so long. */
    boolean promise(String leader, Duration ttl) {
        if (last == null || Failsafe.refusal(last, view(), leader, ttl).isPresent()) {
            return false;
        }
        long now = now();
        return memory.promise(
                        new Failsafe.Promise(
                                leader, "postgres://" + leader + ":5432/postgres", "", now + ttl.toNanos()),
                        now)
                && !(grip.held() && grip.lasts(now))
                && !last.postgres().isPrimary();
    }

    /** As the probe of the write path would find it. */
    private WritePath writePath(boolean leads) {
        SimPostgres pg = host.postgres();
        boolean stuck = leads && pg.hung() && pg.alive();
        if (!stuck) {
            hungSince = OptionalLong.empty();
        } else if (hungSince.isEmpty()) {
            hungSince = OptionalLong.of(now());
        }
        int failures = hungSince.isEmpty() ? 0 : (int) ((now() - hungSince.getAsLong()) / 1_000_000_000L);
        return new WritePath(
                hungSince,
                failures,
                stuck ? "no answer" : "",
                pg.diskFull() ? OptionalLong.of(0) : OptionalLong.empty(),
                false);
    }

    // --- The server ---

    private void setNames(String value) {
        boolean[] over = {false};
        Runnable next = () -> {
            if (!over[0]) {
                over[0] = true;
                postgres = look();
                step();
            }
        };
        host.postgres().setNames(value, () -> run(next));
        after(2_000_000_000L, () -> {
            if (!over[0]) {
                // The server did not take it in time: the heartbeat ends, as after any error of PostgreSQL.
                over[0] = true;
                decision = Decision.soon("synchronous_standby_names is not in force yet", Duration.ofMillis(300));
                afterwards();
            }
        });
    }

    private void discard() {
        SimPostgres pg = host.postgres();
        world.judge().losesData(pg, "gives its data directory up");
        pg.data().remove();
        memory.dataGone();
    }
}
