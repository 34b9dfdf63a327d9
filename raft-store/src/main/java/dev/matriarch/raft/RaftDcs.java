package dev.matriarch.raft;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Measure;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.OperationReply;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.state.StoreState;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/** {@link Dcs} on the built-in store: one log entry for each call that changes something. */
final class RaftDcs implements Dcs {

    /** What the store offers to this class. */
    interface Store {
        Reply submit(Command command, Duration timeout) throws DcsException;

        /** The local copy; not older than the retry timeout. */
        StoreState fresh(Duration timeout) throws DcsException;

        /** The local copy, however old. */
        StoreState local() throws DcsException;

        void onChange(Consumer<Change> listener);

        String health();

        default Optional<String> forbidsFailsafe() {
            return Optional.empty();
        }

        default List<Measure> measures() {
            return List.of();
        }

        void close();
    }

    /** The last record of a member that was written or confirmed from here. */
    private record Touched(String json, long atNanos) {}

    private final Store store;
    private final Map<String, Touched> touched = new ConcurrentHashMap<>();
    private final ClusterViews views = new ClusterViews();
    private volatile Confirmed confirmed = Confirmed.NOTHING;

    RaftDcs(Store store) {
        this.store = store;
    }

    @Override
    public ClusterView read(Duration timeout) throws DcsException {
        StoreState state = store.fresh(timeout);
        if (!confirmed.shownBy(state, System.nanoTime())) {
            throw new DcsException("The local copy of the built-in store does not show yet what was confirmed to"
                    + " this member as the holder of the lock");
        }
        return views.of(state);
    }

    @Override
    public LeaseResult acquireLeader(String member, Duration ttl, long decidedOn, Duration timeout)
            throws DcsException {
        return leaseResult(
                store.submit(ClusterCommands.acquireLeader(store.local(), member, ttl, decidedOn), timeout), ttl);
    }

    @Override
    public LeaseResult renewLeader(
            String member, long epoch, Duration ttl, Optional<ClusterStatus> status, Duration timeout)
            throws DcsException {
        return leaseResult(
                store.submit(ClusterCommands.renewLeader(store.local(), member, epoch, ttl, status), timeout), ttl);
    }

    @Override
    public boolean releaseLeader(String member, long epoch, Optional<ClusterStatus> status, Duration timeout)
            throws DcsException {
        Reply reply =
                understood(store.submit(ClusterCommands.releaseLeader(store.local(), member, epoch, status), timeout));
        return reply.getApplied();
    }

    @Override
    public void touchMember(Member member, Duration ttl, Duration timeout) throws DcsException {
        String json = ClusterJson.writeMember(member);
        StoreState local = store.local();
        boolean stored = ClusterCommands.isStored(local, member.name(), json);
        Touched last = touched.get(member.name());
        long now = System.nanoTime();
        if (stored && last != null && last.json().equals(json) && now - last.atNanos() < ttl.toNanos() / 2) {
            return;
        }
        done(store.submit(ClusterCommands.touchMember(local, member.name(), json, ttl), timeout));
        touched.put(member.name(), new Touched(json, now));
    }

    @Override
    public WriteResult writeInitialize(String systemIdentifier, Expected expected, Duration timeout)
            throws DcsException {
        return write(ClusterKeys.INITIALIZE, systemIdentifier, expected, timeout);
    }

    @Override
    public void deleteInitialize(Duration timeout) throws DcsException {
        done(store.submit(ClusterCommands.remove(ClusterKeys.INITIALIZE, Expected.anything()), timeout));
    }

    @Override
    public WriteResult writeConfig(String json, Expected expected, Duration timeout) throws DcsException {
        return write(ClusterKeys.CONFIG, json, expected, timeout);
    }

    @Override
    public WriteResult writeFailover(Optional<FailoverRequest> request, Expected expected, Duration timeout)
            throws DcsException {
        return request.isPresent()
                ? write(ClusterKeys.FAILOVER, ClusterJson.writeFailover(request), expected, timeout)
                : remove(ClusterKeys.FAILOVER, expected, timeout);
    }

    @Override
    public WriteResult writeSync(
            String leader, long epoch, Optional<SyncState> state, Expected expected, Duration timeout)
            throws DcsException {
        Reply reply = store.submit(ClusterCommands.writeSync(store.local(), leader, epoch, state, expected), timeout);
        confirmed = confirmed.with(reply.getRevision());
        return written(reply);
    }

    private WriteResult remove(String key, Expected expected, Duration timeout) throws DcsException {
        return written(store.submit(ClusterCommands.remove(key, expected), timeout));
    }

    @Override
    public void writeHistory(TimelineHistory history, Duration timeout) throws DcsException {
        writeIfDifferent(ClusterKeys.HISTORY, ClusterJson.writeHistory(history), timeout);
    }

    @Override
    public WriteResult writeFailsafe(String leader, long epoch, Map<String, String> apiUrls, Duration timeout)
            throws DcsException {
        Reply reply = store.submit(ClusterCommands.writeFailsafe(store.local(), leader, epoch, apiUrls), timeout);
        confirmed = confirmed.with(reply.getRevision());
        return written(reply);
    }

    @Override
    public void deleteCluster(Duration timeout) throws DcsException {
        Reply reply = understood(store.submit(ClusterCommands.removeCluster(), timeout));
        if (!reply.getApplied()) {
            throw new DcsException(
                    "Somebody holds the leader lock; nothing was removed. Its server may take writes until"
                            + " its lease ends: stop it, and try again.");
        }
        touched.clear();
    }

    @Override
    public void onChange(Consumer<Change> listener) {
        store.onChange(listener);
    }

    @Override
    public String health() {
        return store.health();
    }

    @Override
    public Optional<String> forbidsFailsafe() {
        return store.forbidsFailsafe();
    }

    @Override
    public List<Measure> measures() {
        return store.measures();
    }

    @Override
    public void close() {
        store.close();
    }

    private WriteResult write(String key, String value, Expected expected, Duration timeout) throws DcsException {
        return written(store.submit(ClusterCommands.write(key, value, expected), timeout));
    }

    /** Of a command that changes one key: the store's revision is then the key's. */
    private static WriteResult written(Reply reply) throws DcsException {
        return understood(reply).getApplied()
                ? new WriteResult.Written(reply.getRevision())
                : new WriteResult.Conflict();
    }

    private void writeIfDifferent(String key, String value, Duration timeout) throws DcsException {
        if (ClusterCommands.differs(store.local(), key, value)) {
            done(store.submit(ClusterCommands.write(key, value, Expected.anything()), timeout));
        }
    }

    private LeaseResult leaseResult(Reply reply, Duration ttl) throws DcsException {
        understood(reply);
        if (reply.getApplied()) {
            confirmed = new Confirmed(reply.getRevision(), System.nanoTime() + ttl.toNanos());
            return new LeaseResult.Held(reply.getOperations(0).getLeaseEpoch());
        }
        OperationReply refused = reply.getOperations(reply.getOperationsCount() - 1);
        return new LeaseResult.Lost(refused.getHolder());
    }

    private static Reply understood(Reply reply) throws DcsException {
        if (reply.getUnknownFormat()) {
            throw new DcsException("The peers of the built-in store run versions that do not fit together: "
                    + reply.getRefusal() + ". Upgrade the older ones.");
        }
        return reply;
    }

    private static void done(Reply reply) throws DcsException {
        if (!understood(reply).getApplied()) {
            throw new DcsException("The built-in store refused a write: " + reply.getRefusal());
        }
    }
}
