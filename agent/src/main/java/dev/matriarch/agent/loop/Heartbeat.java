package dev.matriarch.agent.loop;

import dev.matriarch.agent.callbacks.Callbacks;
import dev.matriarch.agent.ha.Decider;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.LeaderStatus;
import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.LogicalSlots;
import dev.matriarch.agent.ha.NewTimeline;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Order;
import dev.matriarch.agent.ha.ScheduledRestart;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Store;
import dev.matriarch.agent.ha.Survey;
import dev.matriarch.agent.ha.Tags;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
import dev.matriarch.agent.sharding.Sharding;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Member;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Observe, decide, act, wait: on one thread, until a decision ends the agent.
 *
 * <p>A heartbeat asks the decision core again after each short step, with what the step changed, until it says to wait.
 */
public final class Heartbeat {
    private static final Logger LOG = LoggerFactory.getLogger(Heartbeat.class);
    private static final int MOST_STEPS = 25;
    private static final int REFUSED = 1;
    private static final Duration ASK_POSTGRES = Duration.ofSeconds(1);
    private static final long RECOVERY_SETTLES = 1_100_000_000L;

    private final Parts parts;
    private final Wakeup wakeup;
    private final StoreSteps store;
    private final Perception perception;
    private final Upkeep upkeep;
    private final Narration narration;
    private final OrderSlot order = new OrderSlot();
    private volatile CompletableFuture<Boolean> lastRestart = CompletableFuture.completedFuture(false);
    private volatile Pulse pulse = (nextWithin, doing) -> {};
    private volatile boolean leaving;
    private boolean watching;
    /** What went on before the last look at PostgreSQL. */
    private Optional<Task> taskSeen = Optional.empty();

    private Optional<Observation> lastSeen = Optional.empty();

    /** What a heartbeat works with. */
    record Parts(
            String me,
            Dcs dcs,
            PostgresServer server,
            SettingsSource settings,
            LeaseKeeper lease,
            Memory memory,
            TaskRunner tasks,
            Actions actions,
            Peerage peers,
            WriteProbe probe,
            LogicalSlotWork logicalSlots,
            Clock clock,
            Callbacks callbacks,
            Publisher publisher,
            Recorder recorder,
            DynamicCopy copy,
            Sharding sharding) {}

    /** Takes note of each step; must return at once. */
    interface Recorder {
        /** @param step 0 begins a heartbeat */
        void record(int step, Observation seen, Decision decided);
    }

    /** Told of each heartbeat that has ended; must return at once. */
    public interface Pulse {
        /**
         * @param nextWithin no heartbeat takes longer, the sleep before it included
         * @param doing the last decision's sentence
         */
        void beat(Duration nextWithin, String doing);
    }

    Heartbeat(Parts parts, Wakeup wakeup) {
        this.parts = parts;
        this.wakeup = wakeup;
        this.store = new StoreSteps(parts);
        this.perception =
                new Perception(parts.me(), parts.memory(), parts.actions().afterPromotion());
        this.narration =
                new Narration(parts.me(), () -> parts.settings().local().log().deduplicate());
        this.upkeep = new Upkeep(parts, store, order, narration, () -> wakeup.callIn(RECOVERY_SETTLES));
    }

    /** Lets the heartbeat run now; any thread. */
    public void wake() {
        wakeup.call();
    }

    /** Gives an order; false if another one is being carried out. Any thread. */
    boolean order(Order wanted) {
        boolean taken = order.give(wanted);
        wakeup.call();
        return taken;
    }

    /** Completes with true when the restart that was begun last has succeeded. Any thread. */
    CompletableFuture<Boolean> lastRestart() {
        return lastRestart;
    }

    /** Takes back an order that has not been begun. Any thread. */
    void withdraw(Order unwanted) {
        order.withdraw(unwanted);
    }

    /** True if this very order was taken back by the heartbeat: it came too late for what this member is now. Any thread. */
    boolean isOutdated(Order given) {
        return order.isOutdated(given);
    }

    /** False if a restart is scheduled already. Any thread. */
    boolean schedule(ScheduledRestart restart) {
        boolean taken = parts.memory().scheduleRestart(restart);
        wakeup.call();
        return taken;
    }

    /** False if no restart was scheduled. Any thread. */
    boolean dropScheduledRestart() {
        boolean there = parts.memory().dropScheduledRestart();
        wakeup.call();
        return there;
    }

    /** The agent ends as soon as nothing is under way; PostgreSQL and its guards stay as they are. Any thread. */
    void leave() {
        leaving = true;
        wakeup.call();
    }

    /** From now on this is told of each heartbeat. */
    void pulse(Pulse told) {
        pulse = told;
    }

    boolean busyWithOrder() {
        return order.current() != null || parts.tasks().current().isPresent();
    }

    /** Runs until a decision ends the agent; returns its exit code. */
    public int run() throws InterruptedException {
        while (true) {
            long started = parts.clock().nanos();
            Decision last = beat();
            if (last instanceof Decision.Exit exit) {
                return exit.code();
            }
            Settings settings = parts.settings().current().settings();
            if (leaving && parts.tasks().current().isEmpty()) {
                LOG.info("PostgreSQL is left to the agent that comes next");
                return 0;
            }
            pulse.beat(settings.ttl().plus(settings.loopWait().multipliedBy(2)), last.because());
            long now = parts.clock().nanos();
            wakeup.await(NextBeat.at(started, last, settings, parts.lease().deadline(), now) - now);
        }
    }

    /** A first observation, so that the doors have something to answer from. */
    void look() {
        Settings settings = parts.settings().current().settings();
        Observation observation =
                observe(new Store.Unreachable("not asked yet"), lookAtPostgres(), Optional.empty(), settings, false);
        parts.publisher().publish(observation, parts.lease().deadline());
    }

    private Decision beat() {
        StoreSteps.Seen seen = store.read();
        if (store.nameTaken().isPresent()) {
            LOG.error("{}", store.nameTaken().get());
            return new Decision.Exit(REFUSED, store.nameTaken().get());
        }
        Optional<Survey> survey = Optional.empty();
        long surveyedOn = Long.MAX_VALUE;
        LocalPostgres postgres = lookAtPostgres();
        Decision decision = Decision.idle("too many steps in one heartbeat");
        boolean renewed = false;
        for (int step = 0; step < MOST_STEPS; step++) {
            Settings settings = parts.settings().update(seen.view()).settings();
            if (!parts.tasks().current().equals(taskSeen)) {
                // It has ended while the store was waited for: what was seen before is not what it left behind.
                postgres = lookAtPostgres();
            }
            Observation observation = observe(seen.store(), postgres, survey, settings, renewed);
            parts.publisher().publish(observation, parts.lease().deadline());
            lastSeen = Optional.of(observation);
            Decision before = decision;
            decision = Decider.decide(observation);
            parts.recorder().record(step, observation, decision);
            if (decision.equals(before)) {
                // It changed nothing: try again in the next heartbeat, not a thousand times in this one.
                decision = Decision.soon("tried and still to do: " + decision.because(), Duration.ofMillis(300));
            }
            narration.say(decision, observation);
            if (ends(decision)) {
                break;
            }
            try {
                switch (decision) {
                    case Decision.RenewLease renew -> {
                        renewed |= parts.lease().renew(renew.epoch(), settings, LeaderStatus.of(observation));
                        seen = store.read();
                    }
                    case Decision.ClaimTimeline claim -> {
                        var status = seen.view().map(view -> NewTimeline.claiming(view, claim.claim()));
                        renewed |= parts.lease().renew(claim.claim().epoch(), settings, status);
                        seen = store.read();
                    }
                    case Decision.AcquireLease acquire -> {
                        if (parts.lease().acquire(settings, Math.min(surveyedOn, seen.revision()))) {
                            renewed = true;
                            parts.memory().lockTaken();
                        }
                        seen = store.read();
                    }
                    case Decision.AskForPromises ask -> askForPromises(ask, settings, postgres);
                    case Decision.AskPeers ask -> {
                        surveyedOn = seen.revision();
                        survey = Optional.of(parts.peers().ask(ask.members(), seen.view()));
                    }
                    case Decision.Discard discard -> {
                        parts.actions().discard(discard.because());
                        Order done = order.discards();
                        parts.memory()
                                .holdClone(
                                        parts.memory().wishes().cloneHeld() && !(done instanceof Order.Reinitialize));
                        parts.memory()
                                .cloneFromLeader(done instanceof Order.Reinitialize wanted && wanted.fromLeader());
                        postgres = lookAtPostgres();
                    }
                    case Decision.SetAside aside -> {
                        parts.actions().setAside(aside.because());
                        postgres = lookAtPostgres();
                    }
                    case Decision.DropScheduledRestart drop -> parts.memory().dropScheduledRestart();
                    case Decision.Cancel cancel -> {
                        parts.actions().cancel();
                        postgres = lookAtPostgres();
                    }
                    case Decision.Follow follow -> {
                        parts.actions().follow(follow.upstream());
                        postgres = lookAtPostgres();
                    }
                    case Decision.SetStandbyNames set -> {
                        parts.actions().standbyNames(set.setting());
                        postgres = lookAtPostgres();
                    }
                    case Decision.ActivateWatchdog activate -> parts.lease().activateWatchdog(settings);
                    case Decision.SyncSlots sync -> {
                        parts.actions().slots(sync.changes());
                        postgres = lookAtPostgres();
                    }
                    default -> seen = store.carryOut(decision, seen);
                }
            } catch (DcsException e) {
                seen = new StoreSteps.Seen(new Store.Unreachable(e.getMessage()));
            } catch (PostgresException e) {
                LOG.error("{}", e.getMessage());
                decision = Decision.soon(e.getMessage(), Duration.ofMillis(300));
                break;
            }
        }
        if (decision instanceof Decision.Exit exit) {
            if (exit.code() == 0 && postgres.process() == LocalPostgres.Process.STOPPED) {
                store.farewell(postgres);
            }
        } else {
            upkeep.after(seen, postgres, lastSeen);
        }
        return decision;
    }

    /** Starts long actions; true if the heartbeat is over with this decision. */
    private boolean ends(Decision decision) {
        Actions actions = parts.actions();
        switch (decision) {
            case Decision.Wait wait -> {}
            case Decision.Exit exit -> {}
            case Decision.Bootstrap bootstrap -> actions.bootstrap();
            case Decision.Clone clone -> actions.cloneFrom(clone.from(), store.leaderEpoch());
            case Decision.CloneWithoutLeader clone -> actions.cloneWithoutLeader();
            case Decision.CloneRemote clone -> actions.cloneRemote(clone.from());
            case Decision.CopySlots copy -> actions.copySlots(copy);
            case Decision.StartReplica start -> actions.startReplica(start.upstream());
            case Decision.StartPrimary start -> actions.startPrimary(start.names());
            case Decision.PrePromote ask -> actions.prePromote(ask.epoch());
            case Decision.CrashRecovery recovery -> actions.crashRecovery();
            case Decision.Promote promote ->
                actions.promote(
                        promote.slotsFor(),
                        promote.timeline(),
                        lastSeen.map(LogicalSlots::unproven).orElse(Set.of()));
            case Decision.Stop stop -> {
                parts.memory().steppingDown(stop.handOver());
                if (stop.handOver() && stop.mode() == Decision.StopMode.IMMEDIATE) {
                    long ttl = parts.settings().current().settings().ttl().toNanos();
                    parts.memory().abandon(parts.clock().nanos() + 3 * ttl);
                }
                actions.stop(stop.mode());
            }
            case Decision.CheckDivergence check -> actions.checkDivergence(check.leader(), check.epoch());
            case Decision.Rewind rewind -> actions.rewind(rewind.leader());
            case Decision.Restart restart -> {
                order.restarts();
                parts.memory().restarting(restart.timeout());
                lastRestart = actions.restart(restart);
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private void askForPromises(Decision.AskForPromises ask, Settings settings, LocalPostgres postgres) {
        Member me = store.ownRecord(postgres, false);
        parts.lease().extendByPromise(settings, atMost -> {
            Optional<String> forbidden = parts.dcs().forbidsFailsafe();
            if (forbidden.isPresent()) {
                LOG.warn("Failsafe mode: nobody is asked for a promise: {}", forbidden.get());
                return false;
            }
            Map<String, String> refusals = parts.peers().refusals(ask.members(), me, settings.ttl(), atMost);
            refusals.forEach((name, why) -> LOG.warn("Failsafe mode: {} does not promise to wait: {}", name, why));
            return refusals.isEmpty();
        });
    }

    private LocalPostgres lookAtPostgres() {
        taskSeen = parts.tasks().current();
        LocalPostgres postgres = parts.server().observe(ASK_POSTGRES);
        Duration again = perception.server(
                postgres,
                parts.tasks().current().isPresent(),
                parts.lease().deadline().isPresent(),
                parts.settings().current().settings(),
                parts.clock().nanos());
        if (!again.isZero()) {
            wakeup.callIn(again.toNanos());
        }
        if (!watching && postgres.process() != LocalPostgres.Process.STOPPED) {
            parts.actions().watchPostmaster();
        }
        watching = postgres.process() != LocalPostgres.Process.STOPPED;
        return postgres;
    }

    private Observation observe(
            Store seen, LocalPostgres postgres, Optional<Survey> survey, Settings settings, boolean renewed) {
        Duration fresh = renewed ? settings.ttl() : settings.loopWait().dividedBy(2);
        Lease lease = parts.lease().lease(fresh);
        long now = parts.clock().nanos();
        parts.probe()
                .seen(
                        postgres,
                        lease instanceof Lease.Held,
                        parts.tasks().current().isPresent(),
                        settings);
        perception.moment(new Perception.Moment(
                seen,
                postgres,
                lease,
                order.current() != null,
                parts.probe().state(),
                parts.settings().current().dynamic().memberSlotsTtl(),
                now));
        return new Observation(
                now,
                parts.clock().wall(),
                parts.me(),
                Tags.of(parts.settings().local().tags()),
                seen,
                lease,
                postgres,
                settings,
                parts.memory().situation(parts.lease().guarded()),
                taskSeen,
                survey,
                Optional.ofNullable(order.current()),
                parts.lease().watchdog().view(settings));
    }
}
