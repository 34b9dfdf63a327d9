package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Decider;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.LeaderStatus;
import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.NewTimeline;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Survey;
import dev.matriarch.agent.ha.Tags;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.ha.Watchdog;
import dev.matriarch.agent.ha.WritePath;
import dev.matriarch.dcs.Member;
import dev.matriarch.sim.SimHost;
import dev.matriarch.sim.SimPostgres;
import dev.matriarch.sim.World;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** {@link Heartbeat} without threads: observe, decide, act. What waits there is continued by an event here. */
final class SimHeartbeat {
    private static final int MOST_STEPS = 25;

    private final SimHost host;
    private final World world;
    private final SimAgent agent;
    private final String me;
    private final Tags tags;
    private final Memory memory;
    private final SettingsSource settings;
    private final SimLeaseKeeper lease;
    private final SimStoreSteps store;
    private final SimActions actions;
    private final Perception perception;
    private final SimPeers peers;
    private boolean watching;
    private String lastSentence = "";
    private OptionalLong hungSince = OptionalLong.empty();

    // One heartbeat
    private long started;
    private int steps;
    private LocalPostgres postgres;
    private Optional<Survey> survey = Optional.empty();
    private Optional<Task> taskSeen = Optional.empty();
    private long surveyedOn;
    private Decision decision;

    private Observation last;

    SimHeartbeat(SimHost host, SimAgent agent, Tags tags, SettingsSource settings, SimStoreSteps store) {
        this.host = host;
        this.world = host.world();
        this.agent = agent;
        this.me = host.name();
        this.tags = tags;
        this.memory = agent.memory();
        this.settings = settings;
        this.lease = agent.lease();
        this.store = store;
        this.actions = new SimActions(host, agent);
        this.peers = new SimPeers(host, agent);
        this.perception = new Perception(me, memory, actions.afterPromotion());
    }

    /** What the doors answer from; empty before the first heartbeat. */
    Optional<Observation> last() {
        return Optional.ofNullable(last);
    }

    String lastSentence() {
        return lastSentence;
    }

    void beat() {
        started = agent.now();
        steps = 0;
        survey = Optional.empty();
        surveyedOn = Long.MAX_VALUE;
        lease.heartbeatBegins();
        decision = Decision.idle("too many steps in one heartbeat");
        store.read(() -> {
            postgres = look();
            step();
        });
    }

    private Settings settings() {
        return settings.current().settings();
    }

    // --- Observe ---

    private LocalPostgres look() {
        taskSeen = actions.current();
        LocalPostgres found = host.postgres().observe();
        Duration again = perception.server(
                found, actions.current().isPresent(), lease.deadline().isPresent(), settings(), agent.now());
        if (!again.isZero()) {
            agent.after(again.toNanos(), agent::wake);
        }
        boolean lives = found.process() != LocalPostgres.Process.STOPPED;
        if (!watching && lives) {
            host.postgres().onExit(agent::wake);
        }
        watching = lives;
        return found;
    }

    private Observation observe(Settings inForce) {
        Lease held = lease.lease(inForce);
        long now = agent.now();
        perception.moment(new Perception.Moment(
                store.seen(),
                postgres,
                held,
                agent.order().isPresent(),
                writePath(held instanceof Lease.Held),
                settings.current().dynamic().memberSlotsTtl(),
                now));
        return new Observation(
                now,
                Instant.ofEpochMilli(host.wallMillis()),
                me,
                tags,
                store.seen(),
                held,
                postgres,
                inForce,
                memory.situation(lease.guarded()),
                taskSeen,
                survey,
                agent.order(),
                Watchdog.OFF);
    }

    /** As the probe of the write path would find it. */
    private WritePath writePath(boolean leads) {
        SimPostgres pg = host.postgres();
        boolean stuck = leads && pg.hung() && pg.alive();
        if (!stuck) {
            hungSince = OptionalLong.empty();
        } else if (hungSince.isEmpty()) {
            hungSince = OptionalLong.of(agent.now());
        }
        int failures = hungSince.isEmpty() ? 0 : (int) ((agent.now() - hungSince.getAsLong()) / 1_000_000_000L);
        return new WritePath(
                hungSince,
                failures,
                stuck ? "no answer" : "",
                pg.diskFull() ? OptionalLong.of(0) : OptionalLong.empty(),
                false);
    }

    // --- Decide and act ---

    private void step() {
        while (true) {
            if (steps++ >= MOST_STEPS) {
                afterwards();
                return;
            }
            Settings inForce = settings.update(store.view()).settings();
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
            if (!goesOnAtOnce(decision)) {
                waitFor(decision, inForce);
                return;
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

    /** Carries out what is the last step of a heartbeat. */
    private boolean ends(Decision next) {
        switch (next) {
            case Decision.Wait wait -> {}
            case Decision.Exit exit -> {}
            case Decision.Bootstrap bootstrap -> actions.bootstrap();
            case Decision.Clone clone -> actions.cloneFrom(clone.from(), store.leaderEpoch());
            case Decision.StartReplica start -> actions.startReplica(start.upstream());
            case Decision.StartPrimary start -> actions.startPrimary(start.names());
            case Decision.Promote promote -> actions.promote(promote.slotsFor(), promote.timeline());
            case Decision.Stop stop -> {
                memory.steppingDown(stop.handOver());
                if (stop.handOver() && stop.mode() == Decision.StopMode.IMMEDIATE) {
                    memory.abandon(agent.now() + 3 * settings().ttl().toNanos());
                }
                actions.stop(stop.mode());
            }
            case Decision.CheckDivergence check -> actions.checkDivergence(check.leader(), check.epoch());
            case Decision.Rewind rewind -> actions.rewind(rewind.leader());
            case Decision.CrashRecovery recovery -> actions.crashRecovery();
            case Decision.Restart restart -> {
                agent.restartTaken();
                memory.restarting(restart.timeout());
                actions.restart(restart.asPrimary(), restart.upstream(), restart.names());
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Carries out what takes no time. */
    private boolean goesOnAtOnce(Decision next) {
        switch (next) {
            case Decision.Cancel cancel -> {
                actions.cancel();
                postgres = look();
            }
            case Decision.Discard discard -> {
                discard();
                agent.reinitializeTaken();
                postgres = look();
            }
            case Decision.SetAside aside -> {
                discard();
                postgres = look();
            }
            case Decision.Follow follow -> {
                int upstream = actions.index(follow.upstream());
                host.postgres().data().configure(upstream, "");
                host.postgres().follow(upstream);
                memory.followed(follow.upstream(), agent.now());
            }
            case Decision.SyncSlots sync -> {
                host.postgres().data().changeSlots(sync.changes());
                memory.slotsChanged(sync.changes(), Set.of(), agent.now());
                postgres = look();
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Carries out what waits for the store, the others or the server, and goes on after it. */
    private void waitFor(Decision next, Settings inForce) {
        switch (next) {
            case Decision.RenewLease renew -> store.renew(renew.epoch(), inForce, LeaderStatus.of(last), this::step);
            case Decision.ClaimTimeline claim ->
                store.renew(
                        claim.claim().epoch(),
                        inForce,
                        store.view().map(view -> NewTimeline.claiming(view, claim.claim())),
                        this::step);
            case Decision.AcquireLease acquire ->
                store.acquire(inForce, Math.min(surveyedOn, store.revision()), this::step);
            case Decision.AskPeers ask -> {
                surveyedOn = store.revision();
                peers.survey(ask.members(), store.view(), answers -> {
                    survey = Optional.of(answers);
                    step();
                });
            }
            case Decision.AskForPromises asking -> askForPromises(asking.members(), inForce);
            case Decision.SetStandbyNames set -> setNames(set.setting());
            default -> store.carryOut(next, this::step);
        }
    }

    /** Failsafe mode: moves the deadline on if all of them promise in time. */
    private void askForPromises(Set<String> members, Settings inForce) {
        SimLeaseKeeper.Sent sent = lease.now();
        peers.promises(members, inForce.ttl(), lease.renewalTimeout(sent, inForce), all -> {
            if (all) {
                lease.promised(sent, inForce);
            }
            step();
        });
    }

    private void setNames(String value) {
        boolean[] over = {false};
        Runnable next = () -> {
            if (!over[0]) {
                over[0] = true;
                postgres = look();
                step();
            }
        };
        host.postgres().setNames(value, () -> agent.run(next));
        agent.after(2_000_000_000L, () -> {
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

    // --- The end of it ---

    private void afterwards() {
        lease.settle(postgres, actions.current().isPresent());
        if (decision instanceof Decision.Exit exit) {
            agent.exit(exit.code());
            return;
        }
        if (store.view().isPresent()) {
            store.publish(ownRecord(), this::rest);
        } else {
            rest();
        }
    }

    private Member ownRecord() {
        return MemberRecord.of(
                settings,
                false,
                agent.order().isPresent() && postgres.isReplica(),
                postgres,
                ServerState.words(postgres, actions.current(), memory.lastAction(), false),
                actions.afterPromotion().pending(),
                Optional.empty(),
                memory.wishes());
    }

    private void rest() {
        agent.rest(NextBeat.at(started, decision, settings(), lease.deadline(), agent.now()));
    }
}
