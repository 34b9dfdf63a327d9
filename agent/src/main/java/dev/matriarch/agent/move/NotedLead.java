package dev.matriarch.agent.move;

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
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A store that a move has led to, and that nobody is known to have led by: before this member asks for its lock it is noted on
 * the disk that somebody may lead there. From then on what stands in the old store is no more to go back to.
 */
public final class NotedLead implements Dcs {
    private final Dcs store;
    private final Note note;

    /** Called by the heartbeat's thread, before each attempt to take the lock. */
    public interface Note {
        /** @throws DcsException if this member must not ask for the lock, or it could not be noted that it does */
        void beforeTheLock() throws DcsException;
    }

    public NotedLead(Dcs store, Note note) {
        this.store = store;
        this.note = note;
    }

    @Override
    public LeaseResult acquireLeader(String member, Duration ttl, long decidedOn, Duration timeout)
            throws DcsException {
        note.beforeTheLock();
        return store.acquireLeader(member, ttl, decidedOn, timeout);
    }

    @Override
    public ClusterView read(Duration timeout) throws DcsException {
        return store.read(timeout);
    }

    @Override
    public LeaseResult renewLeader(
            String member, long epoch, Duration ttl, Optional<ClusterStatus> status, Duration timeout)
            throws DcsException {
        return store.renewLeader(member, epoch, ttl, status, timeout);
    }

    @Override
    public boolean releaseLeader(String member, long epoch, Optional<ClusterStatus> status, Duration timeout)
            throws DcsException {
        return store.releaseLeader(member, epoch, status, timeout);
    }

    @Override
    public void touchMember(Member member, Duration ttl, Duration timeout) throws DcsException {
        store.touchMember(member, ttl, timeout);
    }

    @Override
    public WriteResult writeInitialize(String systemIdentifier, Expected expected, Duration timeout)
            throws DcsException {
        return store.writeInitialize(systemIdentifier, expected, timeout);
    }

    @Override
    public void deleteInitialize(Duration timeout) throws DcsException {
        store.deleteInitialize(timeout);
    }

    @Override
    public WriteResult writeConfig(String json, Expected expected, Duration timeout) throws DcsException {
        return store.writeConfig(json, expected, timeout);
    }

    @Override
    public WriteResult writeFailover(Optional<FailoverRequest> request, Expected expected, Duration timeout)
            throws DcsException {
        return store.writeFailover(request, expected, timeout);
    }

    @Override
    public WriteResult writeSync(
            String leader, long epoch, Optional<SyncState> state, Expected expected, Duration timeout)
            throws DcsException {
        return store.writeSync(leader, epoch, state, expected, timeout);
    }

    @Override
    public void writeHistory(TimelineHistory history, Duration timeout) throws DcsException {
        store.writeHistory(history, timeout);
    }

    @Override
    public WriteResult writeFailsafe(String leader, long epoch, Map<String, String> apiUrls, Duration timeout)
            throws DcsException {
        return store.writeFailsafe(leader, epoch, apiUrls, timeout);
    }

    @Override
    public void deleteCluster(Duration timeout) throws DcsException {
        store.deleteCluster(timeout);
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
    public Optional<Duration> longestTtl() {
        return store.longestTtl();
    }

    @Override
    public List<Measure> measures() {
        return store.measures();
    }

    @Override
    public void close() {
        store.close();
    }
}
