package dev.matriarch.agent.loop;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.ha.Failsafe;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Order;
import dev.matriarch.agent.ha.Survey;
import dev.matriarch.agent.ha.Tags;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.sim.SimConfig;
import dev.matriarch.sim.SimHost;
import dev.matriarch.sim.World;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The process of an agent: when its heartbeat comes, what it is ordered, what it answers the others. The decision core, the
 * memory, the settings, the arithmetic of the lease and the published record are the real ones.
 */
public final class SimAgent {
    private static final long RESTART_PATIENCE = 20_000_000_000L;

    private final SimHost host;
    private final World world;
    private final String me;
    private final Memory memory;
    private final Tags tags;
    private final SimLeaseKeeper lease;
    private final SimStoreSteps store;
    private final SimHeartbeat heartbeat;
    /** What reached this process while it was paused. */
    private final List<Runnable> deferred = new ArrayList<>();

    private boolean alive = true;
    private boolean paused;
    private boolean beating;
    private boolean wakePending;
    private int sleep;
    private Optional<Order> order = Optional.empty();
    private int exitCode = -1;

    public SimAgent(SimHost host) {
        this.host = host;
        this.world = host.world();
        this.me = host.name();
        AgentConfig config = SimConfig.of(me, world.plan().mayDiscard());
        SettingsSource settings = new SettingsSource(config, world.plan().config(), SimSettings::read);
        this.memory = new Memory(host.nanos());
        this.tags = Tags.of(config.tags());
        this.lease = new SimLeaseKeeper(host, settings);
        this.store = new SimStoreSteps(host, this, settings, lease);
        this.heartbeat = new SimHeartbeat(host, this, tags, settings, store);
    }

    // --- The process ---

    public void start() {
        lease.open();
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

    void exit(int code) {
        exitCode = code;
        die();
        host.agentEnded();
        world.traceIf(() -> me + " agent: ends");
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
    void run(Runnable action) {
        if (!alive) {
            return;
        }
        if (paused) {
            deferred.add(action);
        } else {
            action.run();
        }
    }

    void after(long nanos, Runnable action) {
        world.events().after(nanos, () -> run(action));
    }

    // --- What its parts share ---

    Memory memory() {
        return memory;
    }

    SimLeaseKeeper lease() {
        return lease;
    }

    long now() {
        return host.nanos();
    }

    public boolean holds() {
        return lease.held();
    }

    public String lastSentence() {
        return heartbeat.lastSentence();
    }

    // --- When its heartbeat comes ---

    private void beat() {
        beating = true;
        heartbeat.beat();
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

    /** The heartbeat is over; the next one comes when this host's clock shows so much, unless something wakes it before. */
    void rest(long untilNanos) {
        beating = false;
        if (wakePending) {
            wakePending = false;
            wake();
            return;
        }
        int mine = ++sleep;
        world.events()
                .at(
                        host.whenNanosShow(untilNanos),
                        () -> run(() -> {
                            if (sleep == mine && !beating) {
                                beat();
                            }
                        }));
    }

    // --- Orders ---

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

    Optional<Order> order() {
        return order;
    }

    void restartTaken() {
        order = order.filter(o -> !(o instanceof Order.Restart));
    }

    void reinitializeTaken() {
        order = order.filter(o -> !(o instanceof Order.Reinitialize));
    }

    // --- What it answers the others ---

    /** Where this member is; empty: no answer. */
    Optional<Survey.Answer> position() {
        Optional<LocalPostgres.Status> status = host.postgres().observe().status();
        boolean full = heartbeat
                .last()
                .filter(last -> !last.situation().writePath().fits())
                .isPresent();
        return Optional.of(new Survey.Answer(
                me,
                true,
                status.isPresent(),
                status.map(LocalPostgres.Status::inRecovery).orElse(true),
                status.map(LocalPostgres.Status::position).orElse(Lsn.INVALID),
                status.map(LocalPostgres.Status::timeline).orElse(0),
                tags.nofailover() || full,
                tags.priority()));
    }

    /** Whether this member, asked by that leader, promises not to race for so long. */
    boolean promise(String leader, Duration ttl) {
        Optional<Observation> last = heartbeat.last();
        if (last.isEmpty()
                || Failsafe.refusal(last.get(), store.view(), leader, ttl).isPresent()) {
            return false;
        }
        long now = now();
        return memory.promise(
                        new Failsafe.Promise(
                                leader, "postgres://" + leader + ":5432/postgres", "", now + ttl.toNanos()),
                        now)
                && !lease.lasts()
                && !last.get().postgres().isPrimary();
    }
}
