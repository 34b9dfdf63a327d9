package dev.matriarch.dcs;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The configuration store of one cluster.
 *
 * <p>Every call ends within its timeout. A definite answer is returned; an unknown outcome is a {@link DcsException}:
 * the caller must then assume both. Implementations are safe for use by several threads.
 */
public interface Dcs extends AutoCloseable {
    /**
     * The cluster as this node's copy of the store shows it. It may be old: what a decision depends on is checked again
     * by the conditioned write that follows. To the holder of the lock it shows everything up to the last renewal.
     *
     * @throws DcsException if no copy newer than the configured retry timeout can be had
     */
    ClusterView read(Duration timeout) throws DcsException;

    /**
     * Takes the leader lock if nobody holds it, or confirms it if this member holds it already. Refused if somebody has led
     * since the view that was decided upon, however old that is and however late the request arrives.
     *
     * @param ttl how long the lock outlives its last renewal
     * @param decidedOn {@link ClusterView#revision} of what {@link #read} showed when the others were asked where they stand
     */
    LeaseResult acquireLeader(String member, Duration ttl, long decidedOn, Duration timeout) throws DcsException;

    /**
     * Renews the lock of the given epoch and, in the same step, publishes what comes with it.
     *
     * @param status written after a successful renewal if it differs from what is stored
     */
    LeaseResult renewLeader(String member, long epoch, Duration ttl, Optional<ClusterStatus> status, Duration timeout)
            throws DcsException;

    /**
     * Gives the lock back if it is still the one of this epoch and was not renewed after this was asked for. Publishing
     * {@code status} comes first.
     *
     * @return false if the lock was no longer this member's
     */
    boolean releaseLeader(String member, long epoch, Optional<ClusterStatus> status, Duration timeout)
            throws DcsException;

    /** Publishes a member's record; it vanishes {@code ttl} after the last call. Skipped if equal and still fresh. */
    void touchMember(Member member, Duration ttl, Duration timeout) throws DcsException;

    /** Writes the {@code initialize} key; an empty identifier claims the right to bootstrap. */
    WriteResult writeInitialize(String systemIdentifier, Expected expected, Duration timeout) throws DcsException;

    /**
     * Takes a claim back: removes the empty {@code initialize} key that {@link #read} has shown last. To be called by the
     * holder of the lock only, and only after such a view: a store may do nothing if it has shown none.
     */
    void deleteInitialize(Duration timeout) throws DcsException;

    WriteResult writeConfig(String json, Expected expected, Duration timeout) throws DcsException;

    /** @param request absent: clear the key */
    WriteResult writeFailover(Optional<FailoverRequest> request, Expected expected, Duration timeout)
            throws DcsException;

    /**
     * Writes the {@code sync} key if {@code leader} still holds the lock of this epoch. If the outcome is unknown, the
     * leader's next renewal settles it: afterwards the write has been made or never will be, and {@link #read} shows which.
     *
     * @param state absent: remove the key
     */
    WriteResult writeSync(String leader, long epoch, Optional<SyncState> state, Expected expected, Duration timeout)
            throws DcsException;

    void writeHistory(TimelineHistory history, Duration timeout) throws DcsException;

    /** Writes the {@code failsafe} key if {@code leader} still holds the lock of this epoch, as {@link #writeSync} does. */
    WriteResult writeFailsafe(String leader, long epoch, Map<String, String> apiUrls, Duration timeout)
            throws DcsException;

    /**
     * Removes every key of the cluster.
     *
     * @throws DcsException also if somebody holds the leader lock; nothing was removed then
     */
    void deleteCluster(Duration timeout) throws DcsException;

    /**
     * Calls {@code listener} after each change, from a thread of the store: it must return at once. A change is visible
     * to {@link #read} before its call.
     */
    void onChange(Consumer<Change> listener);

    /** A sentence about the store's own health, for people; its first word is {@code ok} when all is well. */
    String health();

    /**
     * Why this member may not lead without its store, whatever the others promise: it has no part in the store any more, and
     * somebody whom it does not know of may lead by it. Empty: the store just does not answer. Returns at once.
     */
    default Optional<String> forbidsFailsafe() {
        return Optional.empty();
    }

    /**
     * The longest {@code ttl} of a lock that all of this store's servers grant, as far as that has been seen; empty: none has
     * granted less than was asked for. Returns at once.
     */
    default Optional<Duration> longestTtl() {
        return Optional.empty();
    }

    /** {@link #health} in numbers, for monitoring; returns at once. */
    default List<Measure> measures() {
        return List.of();
    }

    @Override
    void close();
}
