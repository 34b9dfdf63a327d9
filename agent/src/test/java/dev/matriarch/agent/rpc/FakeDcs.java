package dev.matriarch.agent.rpc;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.dcs.WriteResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Consumer;

/** A store of one process. */
public final class FakeDcs implements Dcs {
    private final List<Consumer<Change>> listeners = new ArrayList<>();
    private ClusterView view = ClusterView.empty();
    private boolean down;
    /** Called after the failover key was written, outside of the lock. */
    volatile Runnable onFailoverKey = () -> {};

    /** Called before the failover key is written, outside of the lock. */
    volatile Runnable beforeFailoverKey = () -> {};

    public static ClusterView view(
            long revision, String config, String leader, List<Member> members, Versioned<FailoverRequest> failover) {
        return new ClusterView(
                revision,
                Optional.of(new Versioned<>("74", 1)),
                Optional.ofNullable(config).map(c -> new Versioned<>(c, 1)),
                Optional.ofNullable(leader).map(l -> new Leader(l, revision)),
                members,
                ClusterStatus.NONE,
                Optional.ofNullable(failover),
                Optional.empty(),
                Optional.empty(),
                Map.of());
    }

    static ClusterView synchronous(ClusterView view, String leader, String... voters) {
        return with(view, Optional.of(new Versioned<>(new SyncState(leader, new TreeSet<>(List.of(voters)), 0), 1)));
    }

    private static ClusterView with(ClusterView view, Optional<Versioned<SyncState>> sync) {
        return new ClusterView(
                view.revision(),
                view.initialize(),
                view.config(),
                view.leader(),
                view.members(),
                view.status(),
                view.failover(),
                view.history(),
                sync,
                view.failsafe());
    }

    public void set(ClusterView next) {
        List<Consumer<Change>> told;
        synchronized (this) {
            view = next;
            told = List.copyOf(listeners);
        }
        told.forEach(l -> l.accept(Change.RESYNC));
    }

    synchronized void takeDown() {
        down = true;
    }

    synchronized ClusterView now() {
        return view;
    }

    @Override
    public synchronized ClusterView read(Duration timeout) throws DcsException {
        if (down) {
            throw new DcsException("down");
        }
        return view;
    }

    private static boolean holds(Expected expected, Optional<? extends Versioned<?>> now) {
        return switch (expected) {
            case Expected.Anything() -> true;
            case Expected.Absent() -> now.isEmpty();
            case Expected.Revision(long revision) ->
                now.isPresent() && now.get().revision() == revision;
        };
    }

    @Override
    public WriteResult writeConfig(String json, Expected expected, Duration timeout) throws DcsException {
        ClusterView v = read(timeout);
        if (!holds(expected, v.config())) {
            return new WriteResult.Conflict();
        }
        long revision = v.revision() + 1;
        set(new ClusterView(
                revision,
                v.initialize(),
                Optional.of(new Versioned<>(json, revision)),
                v.leader(),
                v.members(),
                v.status(),
                v.failover(),
                v.history(),
                v.sync(),
                v.failsafe()));
        return new WriteResult.Written(revision);
    }

    @Override
    public WriteResult writeFailover(Optional<FailoverRequest> request, Expected expected, Duration timeout)
            throws DcsException {
        beforeFailoverKey.run();
        ClusterView v = read(timeout);
        if (!holds(expected, v.failover())) {
            return new WriteResult.Conflict();
        }
        long revision = v.revision() + 1;
        set(with(
                view(
                        revision,
                        v.config().map(Versioned::value).orElse(null),
                        v.leader().map(Leader::name).orElse(null),
                        v.members(),
                        request.map(r -> new Versioned<>(r, revision)).orElse(null)),
                v.sync()));
        onFailoverKey.run();
        return new WriteResult.Written(revision);
    }

    @Override
    public synchronized void onChange(Consumer<Change> listener) {
        listeners.add(listener);
    }

    @Override
    public LeaseResult acquireLeader(String member, Duration ttl, long decidedOn, Duration timeout) {
        throw new UnsupportedOperationException();
    }

    @Override
    public LeaseResult renewLeader(
            String member, long epoch, Duration ttl, Optional<ClusterStatus> status, Duration timeout) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean releaseLeader(String member, long epoch, Optional<ClusterStatus> status, Duration timeout) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void touchMember(Member member, Duration ttl, Duration timeout) {
        throw new UnsupportedOperationException();
    }

    @Override
    public WriteResult writeInitialize(String systemIdentifier, Expected expected, Duration timeout)
            throws DcsException {
        ClusterView v = read(timeout);
        if (!holds(expected, v.initialize())) {
            return new WriteResult.Conflict();
        }
        long revision = v.revision() + 1;
        set(new ClusterView(
                revision,
                Optional.of(new Versioned<>(systemIdentifier, revision)),
                v.config(),
                v.leader(),
                v.members(),
                v.status(),
                v.failover(),
                v.history(),
                v.sync(),
                v.failsafe()));
        return new WriteResult.Written(revision);
    }

    @Override
    public void deleteInitialize(Duration timeout) {
        throw new UnsupportedOperationException();
    }

    @Override
    public WriteResult writeSync(
            String leader, long epoch, Optional<SyncState> state, Expected expected, Duration timeout) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void writeHistory(TimelineHistory history, Duration timeout) {
        throw new UnsupportedOperationException();
    }

    @Override
    public WriteResult writeFailsafe(String leader, long epoch, Map<String, String> apiUrls, Duration timeout) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void deleteCluster(Duration timeout) {
        set(ClusterView.empty());
    }

    @Override
    public String health() {
        return "ok";
    }

    @Override
    public void close() {
        // Nothing to close.
    }
}
