package dev.matriarch.etcd;

import static dev.matriarch.etcd.Requests.asDelete;
import static dev.matriarch.etcd.Requests.asPut;
import static dev.matriarch.etcd.Requests.asRange;
import static dev.matriarch.etcd.Requests.asTransaction;
import static dev.matriarch.etcd.Requests.transaction;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.http.Turn;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.etcd.EtcdCluster.Again;
import dev.matriarch.etcd.Requests.Entry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The leader key and its lease. The epoch of a lock is the revision that created its key.
 *
 * <p>Whatever a leader writes as the leader is conditioned on the last revision of its key. If nothing is heard of such a
 * write, the next renewal writes the key once more: what was held up on its way is then refused.
 */
final class EtcdLock {
    private static final Logger LOG = LoggerFactory.getLogger(EtcdLock.class);
    private static final int MOST_ROUNDS = 4;

    private final EtcdApi api;
    private final String leaderKey;
    private final String statusKey;

    /** Held while what follows is looked at or changed, also while the store is asked. */
    private final Turn turn = new Turn();

    private Optional<Entry> leader = Optional.empty();
    private Optional<Entry> status = Optional.empty();

    /** An earlier process of this name may have left a write on its way. */
    private boolean unsettled = true;

    EtcdLock(EtcdApi api, String base) {
        this.api = api;
        this.leaderKey = base + ClusterKeys.LEADER;
        this.statusKey = base + ClusterKeys.STATUS;
    }

    /** etcd counts in whole seconds: rather a little longer than asked for. */
    static long seconds(Duration ttl) {
        return Math.max(1, (ttl.toMillis() + 999) / 1000);
    }

    /**
     * @param ttlSeconds 0: there is no such lease any more
     * @param term of the etcd server that passed it on, before it did
     */
    record Alive(long ttlSeconds, long term) {}

    static long grant(EtcdApi api, long seconds, Budget budget) throws DcsException {
        JsonNode answer =
                api.call("lease/grant", Requests.object().put("TTL", Long.toString(seconds)), Again.ALLOWED, budget);
        long lease = answer.path("ID").asLong(0);
        if (lease == 0) {
            throw new DcsException(
                    "etcd granted no lease: " + answer.path("error").asText("without a reason"));
        }
        return lease;
    }

    static Alive keepAlive(EtcdApi api, long lease, Budget budget) throws DcsException {
        if (lease == 0) {
            return new Alive(0, 0);
        }
        try {
            JsonNode answer = api.call(
                    "lease/keepalive", Requests.object().put("ID", Long.toString(lease)), Again.ALLOWED, budget);
            return new Alive(answer.path("TTL").asLong(0), Requests.term(answer));
        } catch (Refusal e) {
            if (e.code() == Refusal.NOT_FOUND) {
                return new Alive(0, 0);
            }
            throw e;
        }
    }

    /** What a read has just shown. */
    void shown(Optional<Entry> leaderEntry, Optional<Entry> statusEntry) {
        turn.ifNobodys(() -> {
            leader = leaderEntry;
            status = statusEntry;
        });
    }

    private void look(Budget budget) throws DcsException {
        JsonNode answer = api.call(
                "kv/txn",
                transaction(
                        List.of(),
                        List.of(asRange(Requests.range(leaderKey)), asRange(Requests.range(statusKey))),
                        List.of()),
                Again.ALLOWED,
                budget);
        leader = Requests.readBy(answer, 0);
        status = Requests.readBy(answer, 1);
    }

    private static LeaseResult lostTo(Optional<Entry> holder) {
        return new LeaseResult.Lost(holder.map(Entry::value).orElse(""));
    }

    /**
     * Each leader writes the {@code status} key as it takes the lock: whoever has decided before finds it changed.
     */
    LeaseResult acquire(String member, Duration ttl, long decidedOn, Budget budget) throws DcsException {
        return turn.take(() -> tryToAcquire(member, ttl, decidedOn, budget));
    }

    private LeaseResult tryToAcquire(String member, Duration ttl, long decidedOn, Budget budget) throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            look(budget);
            if (leader.isPresent()) {
                return leader.get().value().equals(member)
                        ? renew(member, leader.get().created(), ttl, Optional.empty(), budget)
                        : lostTo(leader);
            }
            long statusAt = status.map(Entry::modified).orElse(0L);
            if (statusAt > decidedOn) {
                return new LeaseResult.Lost("");
            }
            String same = status.map(Entry::value).orElse(ClusterJson.writeStatus(ClusterStatus.NONE));
            long lease = grant(api, seconds(ttl), budget);
            JsonNode answer = api.call(
                    "kv/txn",
                    transaction(
                            List.of(Requests.created(leaderKey, 0), Requests.modified(statusKey, statusAt)),
                            List.of(
                                    asPut(Requests.put(leaderKey, member, lease)),
                                    asPut(Requests.put(statusKey, same, 0)),
                                    asRange(Requests.range(leaderKey)),
                                    asRange(Requests.range(statusKey))),
                            List.of()),
                    Again.ALLOWED,
                    budget);
            if (Requests.succeeded(answer)) {
                leader = Requests.readBy(answer, 2);
                status = Requests.readBy(answer, 3);
                return new LeaseResult.Held(Requests.revision(answer));
            }
            // Somebody was faster, or this very request was asked twice: the next look tells. The lease is left to end
            // by
            // itself: it may be that of the lock, and its end, held up on its way, would take the lock after a renewal.
        }
        throw new DcsException("the leader key in etcd changes faster than it can be asked for");
    }

    LeaseResult renew(String member, long epoch, Duration ttl, Optional<String> wantedStatus, Budget budget)
            throws DcsException {
        return turn.take(() -> tryToRenew(member, epoch, ttl, wantedStatus, budget));
    }

    private LeaseResult tryToRenew(
            String member, long epoch, Duration ttl, Optional<String> wantedStatus, Budget budget) throws DcsException {
        long wantedSeconds = seconds(ttl);
        if (!isMine(member, epoch)) {
            look(budget);
        }
        for (int round = 0; round < MOST_ROUNDS; round++) {
            if (!isMine(member, epoch)) {
                return lostTo(leader);
            }
            Entry mine = leader.orElseThrow();
            Alive alive = keepAlive(api, mine.lease(), budget);
            if (alive.ttlSeconds() == 0 && mine.lease() != 0) {
                // Its end may not be written yet; it is over all the same, unless the key has another lease by now.
                look(budget);
                if (isMine(member, epoch) && leader.orElseThrow().lease() == mine.lease()) {
                    return new LeaseResult.Lost("");
                }
                continue;
            }
            boolean another = alive.ttlSeconds() != wantedSeconds;
            long lease = another ? grant(api, wantedSeconds, budget) : mine.lease();
            if (another) {
                // Not heard of, it could come later and put the key under a lease that nobody renews.
                unsettled = true;
            }
            JsonNode answer = api.call("kv/txn", renewal(mine, lease, wantedStatus), Again.ALLOWED, budget);
            boolean done = Requests.succeeded(answer);
            leader = Requests.readBy(answer, done ? steps(mine, lease, wantedStatus) : 0);
            status = Requests.readBy(answer, (done ? steps(mine, lease, wantedStatus) : 0) + 1);
            if (!done) {
                continue;
            }
            if (!another && alive.term() != Requests.term(answer)) {
                // A leader of etcd that had been replaced may have answered: its clock is not the one that counts now.
                LOG.debug("etcd changed its leader during a renewal: once more");
                continue;
            }
            unsettled = false;
            return new LeaseResult.Held(epoch);
        }
        throw new DcsException("the leader key in etcd changes faster than it can be renewed");
    }

    private boolean isMine(String member, long epoch) {
        return leader.filter(l -> l.value().equals(member) && l.created() == epoch)
                .isPresent();
    }

    private boolean rewrites(Entry mine, long lease) {
        return unsettled || lease != mine.lease();
    }

    private boolean publishes(Optional<String> wanted) {
        return wanted.isPresent() && !wanted.equals(status.map(Entry::value));
    }

    private int steps(Entry mine, long lease, Optional<String> wantedStatus) {
        return (rewrites(mine, lease) ? 1 : 0) + (publishes(wantedStatus) ? 1 : 0);
    }

    private ObjectNode renewal(Entry mine, long lease, Optional<String> wantedStatus) {
        List<ObjectNode> then = new ArrayList<>();
        if (rewrites(mine, lease)) {
            then.add(asPut(Requests.put(leaderKey, mine.value(), lease)));
        }
        if (publishes(wantedStatus)) {
            // A renewal that was held up must not take back what a later one has written.
            then.add(asTransaction(transaction(
                    List.of(Requests.modified(
                            statusKey, status.map(Entry::modified).orElse(0L))),
                    List.of(asPut(Requests.put(statusKey, wantedStatus.orElseThrow(), 0))),
                    List.of())));
        }
        List<ObjectNode> look = List.of(asRange(Requests.range(leaderKey)), asRange(Requests.range(statusKey)));
        then.addAll(look);
        return transaction(stillMine(mine), then, look);
    }

    private List<ObjectNode> stillMine(Entry mine) {
        return List.of(
                Requests.created(leaderKey, mine.created()),
                Requests.valued(leaderKey, mine.value()),
                Requests.modified(leaderKey, mine.modified()));
    }

    boolean release(String member, long epoch, Optional<String> lastStatus, Budget budget) throws DcsException {
        return turn.take(() -> tryToRelease(member, epoch, lastStatus, budget));
    }

    private boolean tryToRelease(String member, long epoch, Optional<String> lastStatus, Budget budget)
            throws DcsException {
        List<ObjectNode> then = new ArrayList<>();
        lastStatus.ifPresent(json -> then.add(asPut(Requests.put(statusKey, json, 0))));
        then.add(asDelete(Requests.range(leaderKey)));
        Optional<JsonNode> done = asLeader(member, epoch, List.of(), then, budget);
        if (done.isPresent()) {
            leader = Optional.empty();
        }
        return done.isPresent();
    }

    /** Writes something if this member still leads. */
    WriteResult write(String member, long epoch, List<ObjectNode> conditions, ObjectNode write, Budget budget)
            throws DcsException {
        return turn.take(() -> asLeader(member, epoch, conditions, List.of(write), budget))
                .<WriteResult>map(answer -> new WriteResult.Written(Requests.revision(answer)))
                .orElse(new WriteResult.Conflict());
    }

    private Optional<JsonNode> asLeader(
            String member, long epoch, List<ObjectNode> conditions, List<ObjectNode> then, Budget budget)
            throws DcsException {
        if (!isMine(member, epoch)) {
            look(budget);
        }
        for (int round = 0; round < MOST_ROUNDS && isMine(member, epoch); round++) {
            Entry mine = leader.orElseThrow();
            List<ObjectNode> all = new ArrayList<>(stillMine(mine));
            all.addAll(conditions);
            boolean before = unsettled;
            unsettled = true;
            JsonNode answer;
            try {
                answer = api.call(
                        "kv/txn",
                        transaction(all, then, List.of(asRange(Requests.range(leaderKey)))),
                        Again.FORBIDDEN,
                        budget);
            } catch (Refusal e) {
                unsettled = before;
                throw e;
            }
            unsettled = before;
            if (Requests.succeeded(answer)) {
                return Optional.of(answer);
            }
            Optional<Entry> now = Requests.readBy(answer, 0);
            boolean same = now.map(Entry::modified).equals(leader.map(Entry::modified));
            leader = now;
            if (same) {
                return Optional.empty();
            }
        }
        return Optional.empty();
    }
}
