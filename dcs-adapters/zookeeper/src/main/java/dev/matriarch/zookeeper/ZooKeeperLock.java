package dev.matriarch.zookeeper;

import static dev.matriarch.zookeeper.Requests.await;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.zookeeper.Leases.Attached;
import dev.matriarch.zookeeper.Leases.Lease;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The leader key and its session. The epoch of a lock is the transaction that created its key; if the key has been put under
 * another session since, the key {@code epoch}, written in the same transaction, says what it was.
 *
 * <p>A key's version counts from 0 whenever it is made, so the one of the leader key alone says nothing about whose it is. A
 * lock that is taken is therefore written twice, which distinguishes it from Patroni's, and with the {@code status} key, which
 * distinguishes it from all before. Whatever a leader writes as the leader is conditioned on the versions of both. If nothing
 * is heard of such a write, the next renewal writes the leader key once more: what was held up on its way is then refused.
 */
final class ZooKeeperLock {
    static final String EPOCH = "epoch";
    private static final Logger LOG = LoggerFactory.getLogger(ZooKeeperLock.class);
    private static final int MOST_ROUNDS = 4;

    /** Whether what was decided before is enough, or a majority has to say that nothing was decided since. */
    private enum Certainty {
        USUAL,
        MAJORITY
    }

    private final Connections connections;
    private final Leases leases;
    private final Keys keys;
    private volatile Optional<Lease> lease = Optional.empty();

    /** From where on its holder counts at the most what is left of it. */
    private long renewedAt;

    /** An earlier process of this name may have left a write on its way. */
    private boolean unsettled = true;

    ZooKeeperLock(Connections connections, Leases leases, Keys keys) {
        this.connections = connections;
        this.leases = leases;
        this.keys = keys;
    }

    private record Seen(Optional<Node> leader, Optional<Node> status, Optional<Node> epoch) {
        long leaderEpoch() {
            return epochOf(leader, epoch);
        }

        boolean isOf(String member, long epoch) {
            return leader.filter(l -> l.value().equals(member)).isPresent() && leaderEpoch() == epoch;
        }

        LeaseResult lost() {
            return new LeaseResult.Lost(leader.map(Node::value).orElse(""));
        }
    }

    /** @param record the key {@code epoch}, read after the leader key */
    static long epochOf(Optional<Node> leader, Optional<Node> record) {
        long created = leader.map(Node::created).orElse(0L);
        if (record.isPresent() && record.get().modified() == created) {
            try {
                return Long.parseLong(record.get().value());
            } catch (NumberFormatException notOurs) {
                return created;
            }
        }
        return created;
    }

    /** After these it is not the leader key that was made anew between two reads, but somebody else who wrote {@link #EPOCH}. */
    static final int MOST_READS = 3;

    /** True if the leader key was made anew between the two reads. */
    static boolean isTorn(Optional<Node> leader, Optional<Node> record) {
        return leader.isPresent()
                && record.isPresent()
                && record.get().modified() > leader.get().created();
    }

    /** True if this process may hold the lock. Never waits. */
    boolean mayBeHeld() {
        return lease.isPresent();
    }

    private Seen look(Requests requests, Certainty how, Budget budget) throws KeeperException, DcsException {
        for (int round = 1; ; round++) {
            var fresh = how == Certainty.MAJORITY ? requests.barrier() : requests.sync(keys.base());
            var leader = requests.get(keys.of(ClusterKeys.LEADER));
            var status = requests.get(keys.of(ClusterKeys.STATUS));
            var epoch = requests.get(keys.of(EPOCH));
            await(fresh, budget);
            Seen seen = new Seen(await(leader, budget), await(status, budget), await(epoch, budget));
            if (!isTorn(seen.leader(), seen.epoch()) || round == MOST_READS) {
                return seen;
            }
        }
    }

    private Seen look(Budget budget) throws DcsException {
        try {
            return connections.repeat(budget, (requests, b) -> look(requests, Certainty.MAJORITY, b));
        } catch (KeeperException e) {
            throw Requests.refused(e);
        }
    }

    synchronized LeaseResult acquire(String member, Duration ttl, long decidedOn, Budget budget) throws DcsException {
        long asked = System.nanoTime();
        int conflicts = 0;
        while (conflicts < MOST_ROUNDS) {
            Seen seen = look(budget);
            if (seen.leader().isPresent()) {
                return seen.leader().get().value().equals(member)
                        ? renew(member, seen.leaderEpoch(), ttl, Optional.empty(), budget)
                        : seen.lost();
            }
            if (seen.status().map(Node::modified).orElse(0L) > decidedOn) {
                return new LeaseResult.Lost("");
            }
            List<Op> steps = new ArrayList<>();
            steps.add(keys.put(
                    ClusterKeys.STATUS,
                    seen.status(),
                    seen.status().map(Node::value).orElse(ClusterJson.writeStatus(ClusterStatus.NONE))));
            steps.addAll(take(member));
            try (Attached attached = begin(ttl, budget)) {
                long epoch = createdBy(attached.ask((requests, b) -> await(requests.multi(steps), b)));
                return held(epoch, asked);
            } catch (KeeperException e) {
                // Nothing heard: the next look tells.
                conflicts += again(e, budget);
            }
        }
        throw new DcsException("the leader key in ZooKeeper changes faster than it can be asked for");
    }

    private LeaseResult held(long epoch, long asked) {
        unsettled = false;
        renewedAt = asked;
        return new LeaseResult.Held(epoch);
    }

    /** Takes a new session for the lock; if nothing is heard of what is done with it, it is known whose it is. */
    private Attached begin(Duration ttl, Budget budget) throws DcsException {
        Attached attached = leases.begin(ttl, Leases.Grant.ALL, budget);
        lease = Optional.of(attached.lease());
        unsettled = true;
        return attached;
    }

    private List<Op> take(String member) {
        String path = keys.of(ClusterKeys.LEADER);
        return List.of(
                keys.createEphemeral(ClusterKeys.LEADER, member), Op.setData(path, Connections.bytes(member), 0));
    }

    private static long createdBy(List<OpResult> results) {
        return ((OpResult.SetDataResult) results.getLast()).getStat().getCzxid();
    }

    /** @return how many rounds that took; a broken connection takes none of them but time */
    private int again(KeeperException e, Budget budget) throws DcsException {
        if (e.code() == KeeperException.Code.NONODE) {
            keys.makeParents(connections, budget);
            return 1;
        }
        if (Requests.isConflict(e)) {
            return 1;
        }
        if (!Requests.isUnknown(e)) {
            throw Requests.refused(e);
        }
        if (budget.isSpent()) {
            throw Requests.refused(e);
        }
        LOG.debug("asked again: {}", e.toString());
        Connections.pause();
        return 0;
    }

    synchronized LeaseResult renew(
            String member, long epoch, Duration ttl, Optional<String> wantedStatus, Budget budget) throws DcsException {
        long asked = System.nanoTime();
        int conflicts = 0;
        while (conflicts < MOST_ROUNDS) {
            try {
                return renewOnce(member, epoch, ttl, wantedStatus, asked, budget);
            } catch (KeeperException e) {
                conflicts += again(e, budget);
            }
        }
        throw new DcsException("the leader key in ZooKeeper changes faster than the lock can be renewed");
    }

    private LeaseResult renewOnce(
            String member, long epoch, Duration ttl, Optional<String> wantedStatus, long asked, Budget budget)
            throws DcsException, KeeperException {
        // A session of another length need not be renewed: the lock leaves it.
        Optional<Lease> same = lease.filter(l -> l.ttl().equals(ttl));
        Optional<Attached> current;
        try {
            current = same.isPresent() ? leases.renew(same.get(), budget) : Optional.empty();
        } catch (Leases.Shortened shortened) {
            if (shortened.endsAt() - (renewedAt + ttl.toNanos()) >= 0) {
                throw shortened;
            }
            // The session ends before its holder would; so the holder must end now.
            LOG.error("The lock is given up: {}", shortened.getMessage());
            return new LeaseResult.Lost("");
        }
        if (current.isEmpty()) {
            Seen seen = look(budget);
            if (!seen.isOf(member, epoch)) {
                return lost(seen);
            }
            try (Attached another = begin(ttl, budget)) {
                move(another, seen, member, epoch, wantedStatus);
                return held(epoch, asked);
            }
        }
        try (Attached attached = current.get()) {
            Seen seen = attached.ask((requests, b) -> look(requests, Certainty.USUAL, b));
            if (!seen.isOf(member, epoch)) {
                seen = attached.ask((requests, b) -> look(requests, Certainty.MAJORITY, b));
            }
            if (!seen.isOf(member, epoch)) {
                return lost(seen);
            }
            if (seen.leader().orElseThrow().owner() == attached.lease().id()) {
                List<Op> steps = renewal(seen, wantedStatus);
                attached.ask((requests, b) -> await(requests.multi(steps), b));
            } else {
                try (Attached another = begin(ttl, budget)) {
                    move(another, seen, member, epoch, wantedStatus);
                }
            }
            return held(epoch, asked);
        }
    }

    private LeaseResult lost(Seen seen) {
        lease = Optional.empty();
        return seen.lost();
    }

    private List<Op> renewal(Seen seen, Optional<String> wantedStatus) {
        Node mine = seen.leader().orElseThrow();
        String leader = keys.of(ClusterKeys.LEADER);
        List<Op> steps = new ArrayList<>();
        steps.add(
                unsettled
                        ? Op.setData(leader, Connections.bytes(mine.value()), mine.version())
                        : Op.check(leader, mine.version()));
        steps.add(status(seen, wantedStatus));
        return steps;
    }

    /** What goes with everything that a leader writes: the key of those before it is another one. */
    private Op status(Seen seen, Optional<String> wanted) {
        return seen.status().isPresent()
                        && wanted.map(w -> w.equals(seen.status().get().value()))
                                .orElse(true)
                ? Op.check(keys.of(ClusterKeys.STATUS), seen.status().get().version())
                : keys.put(
                        ClusterKeys.STATUS, seen.status(), wanted.orElse(ClusterJson.writeStatus(ClusterStatus.NONE)));
    }

    /** Puts the lock under another session: that of an earlier process of this member, or one of another length, had it. */
    private void move(Attached to, Seen seen, String member, long epoch, Optional<String> wantedStatus)
            throws KeeperException, DcsException {
        List<Op> steps = new ArrayList<>();
        steps.add(Op.delete(
                keys.of(ClusterKeys.LEADER), seen.leader().orElseThrow().version()));
        String same = seen.status().map(Node::value).orElse(ClusterJson.writeStatus(ClusterStatus.NONE));
        steps.add(keys.put(ClusterKeys.STATUS, seen.status(), wantedStatus.orElse(same)));
        steps.add(keys.put(EPOCH, seen.epoch(), Long.toString(epoch)));
        steps.addAll(take(member));
        to.ask((requests, b) -> await(requests.multi(steps), b));
    }

    synchronized boolean release(String member, long epoch, Optional<String> lastStatus, Budget budget)
            throws DcsException {
        boolean done = asLeader(
                        member,
                        epoch,
                        lastStatus,
                        Optional.empty(),
                        (leader, none) ->
                                Optional.of(List.of(Op.delete(keys.of(ClusterKeys.LEADER), leader.version()))),
                        budget)
                .isPresent();
        if (done) {
            lease = Optional.empty();
        }
        return done;
    }

    /**
     * Writes a key if this member still leads.
     *
     * @param how what to do with the key as it is; empty: the condition does not hold
     */
    synchronized WriteResult write(
            String member, long epoch, String key, Function<Optional<Node>, Optional<List<Op>>> how, Budget budget)
            throws DcsException {
        return asLeader(member, epoch, Optional.empty(), Optional.of(key), (leader, node) -> how.apply(node), budget)
                .<WriteResult>map(results -> new WriteResult.Written(
                        results.getLast() instanceof OpResult.SetDataResult set
                                ? set.getStat().getMzxid()
                                : 0))
                .orElse(new WriteResult.Conflict());
    }

    private interface Steps {
        Optional<List<Op>> after(Node leader, Optional<Node> key);
    }

    /** Stands on the versions of the keys and on no session, which only a renewal may touch. */
    private Optional<List<OpResult>> asLeader(
            String member, long epoch, Optional<String> wantedStatus, Optional<String> key, Steps then, Budget budget)
            throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            Seen seen = look(budget);
            if (!seen.isOf(member, epoch)) {
                return Optional.empty();
            }
            if (lease.isEmpty()) {
                throw new DcsException(
                        "the lock is one of an earlier process of this member: it must be renewed first");
            }
            Optional<Node> node = key.isEmpty() ? Optional.empty() : get(key.get(), budget);
            Node leader = seen.leader().orElseThrow();
            Optional<List<Op>> more = then.after(leader, node);
            if (more.isEmpty()) {
                return Optional.empty();
            }
            List<Op> steps = new ArrayList<>();
            steps.add(Op.check(keys.of(ClusterKeys.LEADER), leader.version()));
            steps.add(status(seen, wantedStatus));
            steps.addAll(more.get());
            boolean before = unsettled;
            unsettled = true;
            try {
                List<OpResult> results = connections.once(budget, (requests, b) -> await(requests.multi(steps), b));
                unsettled = before;
                return Optional.of(results);
            } catch (KeeperException e) {
                if (!Requests.isUnknown(e)) {
                    unsettled = before;
                }
                if (!Requests.isConflict(e)) {
                    throw Requests.refused(e);
                }
            }
        }
        return Optional.empty();
    }

    private Optional<Node> get(String key, Budget budget) throws DcsException {
        try {
            return connections.repeat(budget, (requests, b) -> {
                requests.sync(keys.base());
                return await(requests.get(keys.of(key)), b);
            });
        } catch (KeeperException e) {
            throw Requests.refused(e);
        }
    }
}
