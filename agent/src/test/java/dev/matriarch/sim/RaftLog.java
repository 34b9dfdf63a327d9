package dev.matriarch.sim;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.proto.store.v1.Barrier;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Operation;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.ClusterCommands;
import dev.matriarch.raft.ClusterViews;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.LeaseClock;
import dev.matriarch.raft.state.StoreState;
import dev.matriarch.raft.state.StoreState.Event;
import dev.matriarch.raft.state.StoreState.Lease;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;

/**
 * Gives what Raft gives, without its messages: a majority commits each entry, in one order; each replica applies it when
 * it hears of it; a proposal may fail with an unknown outcome and take effect later; Raft leaders come and go; who is cut
 * off shows an old state. The entries themselves are applied by the store's own {@link Apply} and timed by its
 * {@link LeaseClock}.
 */
public final class RaftLog {
    private static final Command BARRIER = Command.newBuilder()
            .setFormatVersion(Apply.FORMAT_VERSION)
            .addOperations(Operation.newBuilder().setBarrier(Barrier.getDefaultInstance()))
            .build();
    private static final long RETRY_EXPIRY = 300_000_000L;
    private static final long PATIENCE = 1_000_000_000L;

    /** What the log needs to know of its surroundings. */
    interface Surroundings {
        /** Monotonic nanoseconds of that host. */
        long clock(int host);

        /** When, in simulated time, that host's clock will show this. */
        long whenClockShows(int host, long nanos);

        /** A replica shows a new state. */
        void applied(int host, Apply.Applied applied);

        /** Before an entry is committed. */
        void committing(Command command, StoreState before);

        void committed(Apply.Applied applied, StoreState before);

        void trace(String what);

        boolean tracing();
    }

    private record Entry(Apply.Applied applied, ClusterView[] view) {}

    private static final class Proposal {
        final int from;
        final Command command;
        final boolean mustSee;
        final Consumer<Reply> callback;
        int index = -1;
        boolean done;
        Reply reply;

        Proposal(int from, Command command, boolean mustSee, Consumer<Reply> callback) {
            this.from = from;
            this.command = command;
            this.mustSee = mustSee;
            this.callback = callback;
        }

        void end(Reply outcome) {
            if (!done) {
                done = true;
                if (callback != null) {
                    callback.accept(outcome);
                }
            }
        }
    }

    private final Events events;
    private final Rng rng;
    private final Network network;
    private final Surroundings world;
    private final int size;
    private final long electionMin;
    private final long electionMax;

    private final List<Entry> entries = new ArrayList<>();
    private final ClusterViews views = new ClusterViews();
    private StoreState truth = StoreState.EMPTY;
    private final int[] received;
    private final int[] applied;
    private final boolean[] up;
    private final boolean[] paused;
    private final boolean[] caughtUp;
    private final long[] lostSince;
    private final long[] applyDelay;
    private final LeaseClock[] clocks;
    private final List<List<Proposal>> waiting = new ArrayList<>();
    private final List<List<Proposal>> seeing = new ArrayList<>();
    private List<Proposal> queue = new ArrayList<>();
    private int leader = -1;
    private boolean ready;
    private long term;
    private long lastCommit;
    private boolean electionPending;
    private long expiryCheckAt = Long.MAX_VALUE;

    RaftLog(Events events, Rng rng, Network network, Surroundings world, long electionMin, long electionMax) {
        this.events = events;
        this.rng = rng;
        this.network = network;
        this.world = world;
        this.size = network.size();
        this.electionMin = electionMin;
        this.electionMax = electionMax;
        received = new int[size];
        applied = new int[size];
        up = new boolean[size];
        paused = new boolean[size];
        caughtUp = new boolean[size];
        lostSince = new long[size];
        applyDelay = new long[size];
        clocks = new LeaseClock[size];
        for (int i = 0; i < size; i++) {
            clocks[i] = new LeaseClock();
            waiting.add(new ArrayList<>());
            seeing.add(new ArrayList<>());
        }
    }

    // --- What replicas are up to ---

    /** What all replicas would show if they knew everything. */
    public StoreState truth() {
        return truth;
    }

    public int leader() {
        return leader;
    }

    public StoreState local(int host) {
        return applied[host] == 0
                ? StoreState.EMPTY
                : entries.get(applied[host] - 1).applied.state();
    }

    public ClusterView view(int host) {
        return applied[host] == 0 ? ClusterView.empty() : view(entries.get(applied[host] - 1), applied[host] - 1);
    }

    public ClusterView trueView() {
        return entries.isEmpty() ? ClusterView.empty() : view(entries.getLast(), entries.size() - 1);
    }

    private ClusterView view(Entry entry, int index) {
        if (entry.view[0] == null) {
            StoreState state = entry.applied.state();
            Entry before = index > 0 ? entries.get(index - 1) : null;
            boolean same = before != null
                    && before.view[0] != null
                    && before.applied.state().entries() == state.entries()
                    && before.applied.state().revision() == state.revision();
            entry.view[0] = same ? before.view[0] : views.of(state);
        }
        return entry.view[0];
    }

    boolean isUp(int host) {
        return up[host];
    }

    void start(int host) {
        up[host] = true;
        caughtUp[host] = false;
        lostSince[host] = Long.MIN_VALUE;
        clocks[host].restart(local(host).leases().values(), world.clock(host));
        refresh();
    }

    /** The process of the replica is gone; its disk stays. */
    void stop(int host) {
        up[host] = false;
        paused[host] = false;
        waiting.get(host).clear();
        seeing.get(host).clear();
        refresh();
    }

    void pause(int host, boolean value) {
        if (paused[host] != value) {
            paused[host] = value;
            refresh();
        }
    }

    /** This replica applies what it hears that much later. */
    void slow(int host, long nanos) {
        applyDelay[host] = nanos;
    }

    private boolean runs(int host) {
        return up[host] && !paused[host];
    }

    private boolean leads(int host) {
        int with = 0;
        for (int i = 0; i < size; i++) {
            if (i == host || runs(i) && network.joins(Network.AGENTS, host, i)) {
                with++;
            }
        }
        return runs(host) && with > size / 2;
    }

    private boolean inTouch(int host) {
        return leader >= 0
                && runs(host)
                && (host == leader
                        ? leads(leader)
                        : runs(leader) && network.passes(Network.AGENTS, leader, host) && leads(leader));
    }

    /** Nanoseconds since this replica last knew to be in touch with the majority. */
    public long age(int host) {
        return lostSince[host] == Long.MAX_VALUE
                ? 0
                : lostSince[host] == Long.MIN_VALUE ? Long.MAX_VALUE : events.now() - lostSince[host];
    }

    public boolean isCaughtUp(int host) {
        return caughtUp[host];
    }

    /** One barrier through the log; true is handed over if this replica then shows everything up to it. */
    public void catchUp(int host, long timeout, Consumer<Boolean> then) {
        propose(host, BARRIER, timeout, true, reply -> {
            caughtUp[host] |= reply != null;
            then.accept(reply != null);
        });
    }

    // --- Changes of the surroundings ---

    /** Call after anything changed about who runs and who reaches whom. */
    void refresh() {
        for (int i = 0; i < size; i++) {
            boolean touch = inTouch(i);
            if (touch && lostSince[i] != Long.MAX_VALUE) {
                lostSince[i] = Long.MAX_VALUE;
                int host = i;
                events.after(rng.millis(1, 60), () -> {
                    if (inTouch(host)) {
                        received[host] = entries.size();
                        learn(host, entries.size());
                        retry(host);
                    }
                });
            } else if (!touch && lostSince[i] == Long.MAX_VALUE) {
                lostSince[i] = events.now();
            }
        }
        if (leader >= 0 && leads(leader)) {
            commitMore();
        } else {
            electSoon();
        }
    }

    private void electSoon() {
        if (!electionPending) {
            electionPending = true;
            events.after(rng.between(electionMin, electionMax) + rng.millis(5, 80), () -> {
                electionPending = false;
                if (leader < 0 || !leads(leader)) {
                    elect();
                }
            });
        }
    }

    /** A change of Raft leader for no reason. */
    void disturb() {
        if (leader >= 0) {
            elect();
        }
    }

    private void elect() {
        List<Integer> candidates = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            if (i != leader && leads(i) && received[i] == entries.size()) {
                candidates.add(i);
            }
        }
        if (candidates.isEmpty()) {
            if (leader >= 0 && !runs(leader)) {
                deposed();
            }
            if (leader < 0 || !leads(leader)) {
                electSoon();
            }
            return;
        }
        // What the old leader had taken in but not committed may survive on others, from its beginning up to somewhere.
        List<Proposal> kept = queue;
        deposed();
        leader = candidates.get(rng.below(candidates.size()));
        term++;
        ready = false;
        queue = new ArrayList<>(kept.subList(0, rng.chance(0.5) ? 0 : rng.below(kept.size() + 1)));
        if (world.tracing()) {
            world.trace("raft leader is " + leader + " (term " + term + ", " + queue.size() + " entries inherited)");
        }
        long mine = term;
        events.after(rng.millis(3, 40), () -> {
            if (term == mine && leader >= 0) {
                ready = true;
                learn(leader, entries.size());
                refresh();
                checkExpiry();
            }
        });
        refresh();
    }

    private void deposed() {
        leader = -1;
        ready = false;
        queue = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            if (lostSince[i] == Long.MAX_VALUE) {
                lostSince[i] = events.now();
            }
        }
    }

    // --- Proposals ---

    /** @param callback gets null if the outcome is unknown when the time is over */
    public void propose(int from, Command command, long timeout, Consumer<Reply> callback) {
        propose(from, command, timeout, false, callback);
    }

    private void propose(int from, Command command, long timeout, boolean mustSee, Consumer<Reply> callback) {
        Proposal p = new Proposal(from, command, mustSee, callback);
        events.after(timeout, () -> {
            if (!p.done) {
                waiting.get(from).remove(p);
                seeing.get(from).remove(p);
                p.end(p.index >= 0 && !mustSee && p.reply != null ? p.reply : null);
            }
        });
        attempt(p);
    }

    private void attempt(Proposal p) {
        if (p.done || !up[p.from]) {
            return;
        }
        if (!inTouch(p.from)) {
            waiting.get(p.from).add(p);
            return;
        }
        int to = leader;
        boolean sent = network.send(Network.AGENTS, p.from, to, () -> arrive(p, to));
        if (!sent) {
            waiting.get(p.from).add(p);
        }
    }

    private void retry(int host) {
        List<Proposal> again = new ArrayList<>(waiting.get(host));
        waiting.get(host).clear();
        for (Proposal p : again) {
            events.after(rng.millis(0, 25), () -> attempt(p));
        }
    }

    private void arrive(Proposal p, int at) {
        if (at != leader || !runs(at) || !ready) {
            if (!p.done) {
                events.after(25_000_000, () -> attempt(p));
            }
            return;
        }
        if (p.index >= 0) {
            answer(p, at);
        } else if (!queue.contains(p)) {
            queue.add(p);
            commitMore();
        }
    }

    private void commitMore() {
        if (queue.isEmpty() || !ready || !leads(leader)) {
            return;
        }
        long mine = term;
        long at = Math.max(lastCommit, events.now() + (size == 1 ? 50_000 : 300_000 + (rng.next() >>> 43)));
        lastCommit = at;
        events.at(at, () -> {
            if (mine == term && leader >= 0 && ready && leads(leader) && !queue.isEmpty()) {
                commit(queue.removeFirst());
                commitMore();
            }
        });
    }

    private void commit(Proposal p) {
        world.committing(p.command, truth);
        StoreState before = truth;
        Apply.Applied result = Apply.apply(truth, p.command);
        truth = result.state();
        entries.add(new Entry(result, new ClusterView[1]));
        p.index = entries.size() - 1;
        p.reply = result.reply();
        int upTo = entries.size();
        int now = leader;
        for (int i = 0; i < size; i++) {
            if (i != now && runs(i) && network.joins(Network.AGENTS, now, i)) {
                received[i] = upTo;
                int host = i;
                events.after(
                        network.delay(now, i) + (applyDelay[i] > 0 ? rng.between(0, applyDelay[i]) : 0),
                        () -> learn(host, upTo));
            }
        }
        received[now] = upTo;
        learn(now, upTo);
        world.committed(result, before);
        answer(p, now);
    }

    private void answer(Proposal p, int at) {
        if (p.callback == null) {
            return;
        }
        if (p.from == at) {
            see(p);
        } else if (!network.send(Network.AGENTS, at, p.from, () -> see(p))) {
            // The connection broke: the caller asks again with the same call id.
            waiting.get(p.from).add(p);
        }
    }

    private void see(Proposal p) {
        if (p.done || !up[p.from]) {
            return;
        }
        if (applied[p.from] > p.index) {
            p.end(p.reply);
            return;
        }
        seeing.get(p.from).add(p);
        if (!p.mustSee) {
            events.after(PATIENCE, () -> {
                if (!p.done && seeing.get(p.from).remove(p)) {
                    p.end(p.reply);
                }
            });
        }
    }

    private void learn(int host, int upTo) {
        if (!runs(host)) {
            return;
        }
        while (applied[host] < upTo) {
            Apply.Applied one = entries.get(applied[host]).applied;
            applied[host]++;
            List<Event> happened = one.events();
            for (int i = 0; i < happened.size(); i++) {
                Event event = happened.get(i);
                if (event.kind() == Event.Kind.LEASE_EXPIRED || event.kind() == Event.Kind.LEASE_RELEASED) {
                    clocks[host].ended(event.key());
                }
            }
            List<Lease> renewed = one.renewed();
            if (!renewed.isEmpty()) {
                long clock = world.clock(host);
                for (int i = 0; i < renewed.size(); i++) {
                    clocks[host].renewed(renewed.get(i), clock);
                }
                if (host == leader) {
                    expectExpiry();
                }
            }
            if (!happened.isEmpty()) {
                world.applied(host, one);
            }
        }
        List<Proposal> watchers = seeing.get(host);
        if (!watchers.isEmpty()) {
            for (Proposal p : new ArrayList<>(watchers)) {
                if (applied[host] > p.index) {
                    watchers.remove(p);
                    p.end(p.reply);
                }
            }
        }
    }

    // --- Leases that are over ---

    private void expectExpiry() {
        if (leader < 0 || !ready) {
            return;
        }
        OptionalLong next = clocks[leader].untilNext(world.clock(leader));
        if (next.isPresent()) {
            checkExpiryAt(
                    world.whenClockShows(leader, world.clock(leader) + Math.max(0, next.getAsLong())) + 1_000_000);
        }
    }

    private void checkExpiryAt(long time) {
        if (time < expiryCheckAt) {
            expiryCheckAt = time;
            events.at(time, () -> {
                if (expiryCheckAt == time) {
                    expiryCheckAt = Long.MAX_VALUE;
                    checkExpiry();
                }
            });
        }
    }

    private void checkExpiry() {
        if (leader < 0 || !ready || !runs(leader)) {
            return;
        }
        if (!leads(leader) || !queue.isEmpty()) {
            checkExpiryAt(events.now() + RETRY_EXPIRY);
            return;
        }
        List<Lease> due = clocks[leader].due(world.clock(leader));
        for (Lease lease : due) {
            // Straight into the Raft leader's own queue; nobody waits for it.
            queue.add(new Proposal(leader, ClusterCommands.expire(lease), false, null));
        }
        if (due.isEmpty()) {
            expectExpiry();
        } else {
            commitMore();
            checkExpiryAt(events.now() + RETRY_EXPIRY);
        }
    }
}
