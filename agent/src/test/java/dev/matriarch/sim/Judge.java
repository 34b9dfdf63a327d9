package dev.matriarch.sim;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Order;
import dev.matriarch.agent.ha.Task;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.raft.ClusterCommands;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/** Watches every step of a cluster and knows what must never happen. It sees what no member can see. */
public final class Judge {
    private final World world;

    /** The newest commit that a client was promised to find again. */
    private Timeline promisedTimeline;

    private long promised;
    private String systemIdentifier = "";
    private Optional<SyncState> sync = Optional.empty();
    /** Members that operators want as they are. */
    private final Set<Integer> forcedFor = new HashSet<>();

    long commitsAcknowledged;
    long promotions;
    /** Reached since the last call of {@link #forgetProgress}. */
    private boolean acknowledgedSince;

    Judge(World world) {
        this.world = world;
    }

    private Violation violation(String invariant, String what) {
        world.traceIf(() -> "VIOLATION " + invariant + ": " + what);
        return new Violation(invariant, what);
    }

    private String me(SimPostgres pg) {
        return world.name(pg.host);
    }

    String systemIdentifier() {
        return systemIdentifier;
    }

    void forgetProgress() {
        acknowledgedSince = false;
    }

    boolean acknowledgedSince() {
        return acknowledgedSince;
    }

    // --- The lease ---

    /** Nobody may end a lease before its holder has had to stop. */
    void committing(Command command, StoreState before) {
        for (int i = 0; i < command.getOperationsCount(); i++) {
            var operation = command.getOperations(i);
            if (!operation.hasExpireLease()
                    || !operation.getExpireLease().getName().equals(ClusterCommands.LEADER_LEASE)) {
                continue;
            }
            Optional<StoreState.Lease> lease = before.lease(ClusterCommands.LEADER_LEASE);
            boolean ends = lease.isPresent()
                    && lease.get().epoch() == operation.getExpireLease().getEpoch()
                    && lease.get().renewal() == operation.getExpireLease().getRenewal();
            if (ends) {
                int holder = world.index(lease.get().holder());
                long left = world.host(holder).storeLeaseEnds() - world.events().now();
                // Clocks run at slightly different rates: that is what the margins of the fences are for.
                if (left > world.plan().ttl() / 200
                        && world.host(holder).agent() != null
                        && world.host(holder).agent().holds()) {
                    throw violation(
                            "lease-not-shortened",
                            "the lease of " + lease.get().holder() + " is ended " + left / 1_000_000
                                    + " ms before the end that its holder counts on");
                }
            }
        }
    }

    void committed(Apply.Applied applied, StoreState before) {
        for (StoreState.Event event : applied.events()) {
            if (event.key().equals(ClusterKeys.INITIALIZE) && systemIdentifier.isEmpty()) {
                systemIdentifier = applied.state()
                        .entry(ClusterKeys.INITIALIZE)
                        .map(e -> e.value().toStringUtf8())
                        .orElse("");
            }
            if (event.key().equals(ClusterKeys.SYNC)) {
                world.badMoment();
                sync = applied.state()
                        .entry(ClusterKeys.SYNC)
                        .flatMap(e -> ClusterJson.readSync(e.value().toStringUtf8()))
                        .filter(s -> !s.leader().isEmpty());
                // An operator wants a certain member, whatever it lacks: with this it begins to make promises of its
                // own.
                boolean forced = sync.filter(s -> forcedFor.contains(world.index(s.leader())))
                        .isPresent();
                if (sync.isEmpty() || forced) {
                    // No promise is made beyond this point.
                    promisedTimeline = null;
                }
            }
        }
    }

    // --- Writers ---

    private boolean fenced(SimHost host) {
        return !host.unfencedByPause() && host.watched();
    }

    void becameWritable(SimPostgres pg, boolean promoted) {
        SimHost host = world.host(pg.host);
        for (SimHost other : world.hosts()) {
            if (other != host && other.postgres().writable() && fenced(host) && fenced(other)) {
                throw violation(
                        "one-writable-primary", me(pg) + " becomes writable while " + other.name() + " still is");
            }
        }
        if (promoted) {
            promotions++;
        }
        if (forcedFor.remove(pg.host)) {
            promisedTimeline = null;
        }
        if (promisedTimeline != null && !pg.data.holds(promisedTimeline, promised)) {
            throw violation(
                    "no-acknowledged-commit-lost",
                    me(pg) + " becomes primary at " + pg.data.place() + " without the acknowledged " + promisedTimeline
                            + "@" + new Lsn(promised));
        }
    }

    /** An operator wants this member as it is. */
    public void forced(int host) {
        forcedFor.add(host);
    }

    public void notForced(int host) {
        forcedFor.remove(host);
    }

    void acknowledged(SimPostgres pg, long position) {
        SimHost host = world.host(pg.host);
        commitsAcknowledged++;
        acknowledgedSince = true;
        Optional<StoreState.Lease> lease = world.raft().truth().lease(ClusterCommands.LEADER_LEASE);
        if (fenced(host)) {
            if (lease.isPresent() && !lease.get().holder().equals(host.name())) {
                throw violation(
                        "one-writer-per-lease",
                        host.name() + " acknowledges a commit while "
                                + lease.get().holder() + " holds the lease");
            }
            if (host.leaseEnds() != Long.MIN_VALUE && world.events().now() > host.leaseEnds()) {
                throw violation(
                        "silent-after-deadline",
                        host.name() + " acknowledges a commit "
                                + (world.events().now() - host.leaseEnds()) / 1_000_000
                                + " ms after its lease has ended");
            }
        }
        Timeline line = pg.data.timeline;
        line.acknowledged = Math.max(line.acknowledged, position);
        boolean leads = lease.isPresent() && lease.get().holder().equals(host.name());
        // A leader that is dead or cut off when a pause ends has no guards: what it acknowledges after its lease is not
        // promised.
        boolean guarded = leads || fenced(host);
        boolean promises = guarded && sync.isPresent() && sync.get().leader().equals(host.name());
        if (promises) {
            // While paused there may be two primaries, and which of them goes on is the operator's choice.
            boolean chosen = host.unfencedByPause();
            if (!chosen && promisedTimeline != null && !line.holds(position, promisedTimeline, promised)) {
                throw violation(
                        "no-acknowledged-commit-lost",
                        host.name() + " goes on at " + pg.data.place() + " without the acknowledged "
                                + promisedTimeline);
            }
            promisedTimeline = line;
            promised = position;
        }
    }

    // --- Data directories ---

    void mayStart(SimPostgres pg, boolean asStandby) {
        if (pg.data.state != LocalPostgres.DataDirectory.VALID) {
            throw violation("no-half-written-start", me(pg) + " starts a data directory that is " + pg.data.state);
        }
        // Created here, and the announcement was lost: without the store its agent cannot know that another one was
        // announced. To serve reads does no harm; it is never promoted.
        boolean innocent = asStandby && pg.data.bornHere;
        if (!innocent && !systemIdentifier.isEmpty() && !pg.data.systemIdentifier.equals(systemIdentifier)) {
            throw violation("no-foreign-start", me(pg) + " starts a data directory of another cluster");
        }
    }

    /** The data directory is about to be deleted or overwritten. */
    public void losesData(SimPostgres pg, String how) {
        if (pg.alive()) {
            throw violation("no-change-under-a-server", me(pg) + " " + how + " while its server runs");
        }
        if (promisedTimeline == null || !pg.data.holds(promisedTimeline, promised)) {
            return;
        }
        for (SimHost other : world.hosts()) {
            if (other.index() != pg.host && other.postgres().data.holds(promisedTimeline, promised)) {
                return;
            }
        }
        throw violation(
                "only-copy-kept", me(pg) + " " + how + " although it is the only copy of an acknowledged commit");
    }

    /** A standby begins to stream. PostgreSQL has compared numbers; here the contents are compared. */
    void streams(SimPostgres standby, SimPostgres source) {
        if (!source.data.timeline.holds(source.data.end, standby.data.timeline, standby.data.end)) {
            throw violation(
                    "timelines-unique",
                    me(standby) + " at " + standby.data.place() + " streams from " + me(source) + " at "
                            + source.data.place() + ", whose timeline is another one of that number");
        }
    }

    // --- Decisions ---

    /** While the cluster is paused, nothing starts, stops or promotes a server but what an operator asked for. */
    public void decided(SimHost host, Observation seen, Decision decision) {
        if (!seen.settings().paused()) {
            return;
        }
        // Who was stopped to let another lead comes back even while paused.
        boolean ordered = seen.order().isPresent()
                || seen.situation().wishes().handedOver()
                || seen.task().map(t -> t.kind() == Task.Kind.RESTART).orElse(false);
        boolean failover = seen.view().flatMap(ClusterView::pendingFailover).isPresent();
        boolean touches = decision instanceof Decision.Stop
                || decision instanceof Decision.StartPrimary
                || decision instanceof Decision.StartReplica
                || decision instanceof Decision.Promote
                || decision instanceof Decision.Rewind
                || decision instanceof Decision.Restart;
        boolean removes = decision instanceof Decision.Discard;
        if (touches && !ordered && !failover || removes && !(ordered && isReinit(seen))) {
            boolean halfWritten = seen.postgres().dataDirectory() == LocalPostgres.DataDirectory.HALF_WRITTEN;
            if (!(removes && halfWritten)) {
                throw violation("pause-respected", host.name() + " is paused and decides " + decision);
            }
        }
    }

    private static boolean isReinit(Observation seen) {
        return seen.order().filter(Order.Reinitialize.class::isInstance).isPresent();
    }

    // --- The end ---

    /** One leader, and everybody else streams from it and has everything. */
    Optional<String> unfinished() {
        Optional<StoreState.Lease> lease = world.raft().truth().lease(ClusterCommands.LEADER_LEASE);
        if (lease.isEmpty()) {
            return Optional.of("nobody holds the lease");
        }
        SimHost leader = world.host(world.index(lease.get().holder()));
        if (!leader.postgres().writable()) {
            return Optional.of(leader.name() + " holds the lease and does not accept writes");
        }
        for (SimHost host : world.hosts()) {
            if (host == leader) {
                continue;
            }
            SimPostgres pg = host.postgres();
            if (!pg.streamsFrom(leader.index()) || pg.data.timeline != leader.postgres().data.timeline) {
                return Optional.of(host.name() + " does not stream from " + leader.name() + " (" + pg.process + ", "
                        + pg.data.state + ", " + pg.data.place() + "; " + leader.name() + " is at "
                        + leader.postgres().data.place() + "); its agent says: "
                        + (host.agent() == null ? "nothing" : host.agent().lastSentence()));
            }
        }
        return Optional.empty();
    }

    void atTheEnd() {
        if (promisedTimeline == null) {
            return;
        }
        SimHost leader = world.host(world.index(world.raft()
                .truth()
                .lease(ClusterCommands.LEADER_LEASE)
                .orElseThrow()
                .holder()));
        if (!leader.postgres().data.holds(promisedTimeline, promised)) {
            throw violation(
                    "no-acknowledged-commit-lost",
                    "in the end " + leader.name() + " leads without the acknowledged " + promisedTimeline + "@"
                            + new Lsn(promised));
        }
    }
}
