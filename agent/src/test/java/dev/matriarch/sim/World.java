package dev.matriarch.sim;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Everything of one simulated cluster. */
public final class World implements RaftLog.Surroundings {
    private final Plan plan;
    private final Events events = new Events();
    private final Network network;
    private final RaftLog raft;
    private final Judge judge;
    private final List<SimHost> hosts = new ArrayList<>();
    private final String[] names;
    private final boolean printing;
    private Runnable badMoment = () -> {};

    World(Plan plan, boolean printing) {
        this.plan = plan;
        this.printing = printing;
        Rng rng = new Rng(plan.seed());
        names = new String[plan.nodes()];
        for (int i = 0; i < names.length; i++) {
            names[i] = "n" + (i + 1);
        }
        network = new Network(events, rng.split(), plan.nodes());
        judge = new Judge(this);
        raft = new RaftLog(events, rng.split(), network, this, plan.electionMin(), plan.electionMax());
        for (int i = 0; i < names.length; i++) {
            hosts.add(new SimHost(this, i, rng.split()));
        }
        network.onChange(() -> {
            raft.refresh();
            hosts.forEach(h -> h.postgres().senders.networkChanged());
        });
    }

    public Plan plan() {
        return plan;
    }

    public Events events() {
        return events;
    }

    public Network network() {
        return network;
    }

    public RaftLog raft() {
        return raft;
    }

    public Judge judge() {
        return judge;
    }

    public SimHost host(int i) {
        return hosts.get(i);
    }

    public List<SimHost> hosts() {
        return hosts;
    }

    public int size() {
        return names.length;
    }

    public String name(int i) {
        return names[i];
    }

    /** -1 for a name that nobody has. */
    public int index(String name) {
        for (int i = 0; i < names.length; i++) {
            if (names[i].equalsIgnoreCase(name)) {
                return i;
            }
        }
        return -1;
    }

    /** The cluster as somebody would see it who knows everything. */
    public ClusterView truth() {
        return raft.trueView();
    }

    /** What is to happen when the leader is in the middle of something. */
    void atBadMoments(Runnable action) {
        badMoment = action;
    }

    void badMoment() {
        badMoment.run();
    }

    // --- Trace ---

    @Override
    public boolean tracing() {
        return printing;
    }

    @Override
    public void trace(String what) {
        System.out.printf("%10.3f  %s%n", events.now() / 1e9, what);
    }

    public void traceIf(Supplier<String> what) {
        if (printing) {
            trace(what.get());
        }
    }

    // --- For the log ---

    @Override
    public long clock(int host) {
        return hosts.get(host).nanos();
    }

    @Override
    public long whenClockShows(int host, long nanos) {
        return hosts.get(host).whenNanosShow(nanos);
    }

    @Override
    public void applied(int host, Apply.Applied applied) {
        SimHost at = hosts.get(host);
        if (at.agent() == null || !at.agent().alive()) {
            return;
        }
        for (StoreState.Event event : applied.events()) {
            switch (event.key()) {
                case ClusterKeys.LEADER,
                        ClusterKeys.CONFIG,
                        ClusterKeys.FAILOVER,
                        ClusterKeys.SYNC,
                        ClusterKeys.INITIALIZE -> {
                    if (event.kind() == StoreState.Event.Kind.PUT || event.kind() == StoreState.Event.Kind.DELETE) {
                        at.agent().wake();
                        return;
                    }
                }
                default -> {}
            }
        }
    }

    @Override
    public void committing(Command command, StoreState before) {
        judge.committing(command, before);
    }

    @Override
    public void committed(Apply.Applied applied, StoreState before) {
        judge.committed(applied, before);
    }
}
