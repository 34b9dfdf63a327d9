package dev.matriarch.etcd;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.http.Turn;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.etcd.EtcdCluster.Again;
import dev.matriarch.etcd.EtcdV2Api.Answer;
import dev.matriarch.etcd.EtcdV2Api.If;
import dev.matriarch.etcd.KeyTree.Entry;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The leader key in a store that compares one key at a time. The epoch of a lock is the index that created its key.
 *
 * <p>Whoever has created the key does not hold the lock yet. First it closes the books: it writes {@code status},
 * {@code sync} and {@code failsafe} with the values that they have, each on the condition that nobody has changed it since the
 * decision. So nobody has led since, and what an earlier leader has on its way is refused. Then it writes its own key once more:
 * a lock counts if its key was changed after it was created.
 *
 * <p>Whatever a leader writes as the leader stands on the index that the key had while the leader key was seen to be its own. If
 * nothing is heard of such a write, the next renewal closes the books again before it counts.
 */
final class EtcdV2Lock {
    private static final int MOST_ROUNDS = 4;
    private static final String LEADER = ClusterKeys.LEADER;
    private static final String STATUS = ClusterKeys.STATUS;

    /** What only leaders write, besides the status. */
    private static final List<String> BOOKS = List.of(ClusterKeys.SYNC, ClusterKeys.FAILSAFE);

    /** A key's value was written again as it was, by this client: the first index with it, and the last. */
    private record Same(long first, long last) {}

    private final EtcdV2Api api;
    private final String base;

    /** Held while what follows is looked at or changed, also while the store is asked. */
    private final Turn turn = new Turn();

    private final Map<String, Same> same = new HashMap<>();
    private KeyTree seen = KeyTree.NOTHING;

    /** An earlier process of this name may have left a write on its way. */
    private boolean unsettled = true;

    EtcdV2Lock(EtcdV2Api api, String base) {
        this.api = api;
        this.base = base;
    }

    /**
     * etcd counts in whole seconds, on the clock of the server that is asked, and lets a key go by the clock of the one that
     * leads: a second more, for clocks that do not quite agree.
     */
    static long seconds(Duration ttl) {
        return Math.max(1, (ttl.toMillis() + 999) / 1000) + 1;
    }

    /** What a read has just shown. */
    void shown(KeyTree tree) {
        turn.ifNobodys(() -> seen = tree);
    }

    private void look(Budget budget) throws DcsException {
        seen = api.tree(base, budget);
    }

    private boolean isMine(String member, long epoch) {
        return seen.entry(LEADER)
                .filter(l -> l.value().equals(member) && l.created() == epoch && isConfirmed(l))
                .isPresent();
    }

    private static boolean isConfirmed(Entry leader) {
        return leader.modified() > leader.created();
    }

    private LeaseResult lostTo() {
        return new LeaseResult.Lost(seen.entry(LEADER).map(Entry::value).orElse(""));
    }

    /** @return false if the key is not as it was seen; it has to be looked at again then */
    private boolean rewrite(String key, String value, long ttlSeconds, Budget budget) throws DcsException {
        Optional<Entry> before = seen.entry(key);
        Answer answer = api.put(base + key, value, ttlSeconds, If.unchanged(before), Again.ALLOWED, budget);
        if (answer.done()) {
            seen = seen.with(key, Optional.of(answer.entry()));
        }
        return answer.done();
    }

    /** Whatever stands on an earlier index of these keys is refused from here on. */
    private boolean closeBooks(Budget budget) throws DcsException {
        for (String key : BOOKS) {
            Optional<Entry> before = seen.entry(key);
            if (before.isEmpty()) {
                // Nobody writes one that is not there without having looked again for the leader.
                continue;
            }
            if (!rewrite(key, before.get().value(), 0, budget)) {
                return false;
            }
            long from = before.get().modified();
            Same known = same.get(key);
            same.put(key, new Same(known != null && known.last() == from ? known.first() : from, seen.modified(key)));
        }
        return true;
    }

    LeaseResult acquire(String member, Duration ttl, long decidedOn, Budget budget) throws DcsException {
        return turn.take(() -> tryToAcquire(member, ttl, decidedOn, budget));
    }

    private LeaseResult tryToAcquire(String member, Duration ttl, long decidedOn, Budget budget) throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            look(budget);
            Optional<Entry> leader = seen.entry(LEADER);
            if (leader.isEmpty()) {
                if (isChangedSince(decidedOn)) {
                    return new LeaseResult.Lost("");
                }
                // Done or not: the next look tells, and shows what was written before it.
                api.put(base + LEADER, member, seconds(ttl), new If.Absent(), Again.ALLOWED, budget);
            } else if (!leader.get().value().equals(member)) {
                return lostTo();
            } else if (isConfirmed(leader.get())) {
                return tryToRenew(member, leader.get().created(), ttl, Optional.empty(), budget);
            } else {
                return confirm(member, leader.get(), ttl, decidedOn, budget);
            }
        }
        throw new DcsException("the leader key in etcd changes faster than it can be asked for");
    }

    /** Each leader writes the status as it takes the lock; and what counts for who may lead is in the other one. */
    private boolean isChangedSince(long decidedOn) {
        return seen.modified(STATUS) > decidedOn || seen.modified(ClusterKeys.SYNC) > decidedOn;
    }

    private LeaseResult confirm(String member, Entry created, Duration ttl, long decidedOn, Budget budget)
            throws DcsException {
        String status =
                seen.entry(STATUS).map(Entry::value).orElseGet(() -> ClusterJson.writeStatus(ClusterStatus.NONE));
        boolean closed = !isChangedSince(decidedOn) && closeBooks(budget) && rewrite(STATUS, status, 0, budget);
        if (!closed) {
            giveBack(created, budget);
            return new LeaseResult.Lost("");
        }
        if (!rewrite(LEADER, member, seconds(ttl), budget)) {
            // This very request was asked twice, or the key has ended meanwhile.
            look(budget);
        }
        if (!isMine(member, created.created())) {
            return lostTo();
        }
        unsettled = false;
        return new LeaseResult.Held(created.created());
    }

    private void giveBack(Entry created, Budget budget) throws DcsException {
        api.delete(base + LEADER, new If.Unchanged(created.modified()), Again.ALLOWED, budget);
        seen = seen.with(LEADER, Optional.empty());
    }

    LeaseResult renew(String member, long epoch, Duration ttl, Optional<String> wantedStatus, Budget budget)
            throws DcsException {
        return turn.take(() -> tryToRenew(member, epoch, ttl, wantedStatus, budget));
    }

    private LeaseResult tryToRenew(
            String member, long epoch, Duration ttl, Optional<String> wantedStatus, Budget budget) throws DcsException {
        boolean fresh = false;
        for (int round = 0; round < MOST_ROUNDS; round++) {
            if (!fresh && (unsettled || !isMine(member, epoch))) {
                look(budget);
            }
            fresh = false;
            if (!isMine(member, epoch)) {
                return lostWithout(member, epoch, budget);
            }
            if ((!unsettled || closeBooks(budget)) && rewrite(LEADER, member, seconds(ttl), budget)) {
                unsettled = false;
                return wantedStatus.isEmpty() || publish(member, epoch, wantedStatus.get(), budget)
                        ? new LeaseResult.Held(epoch)
                        : lostTo();
            }
            look(budget);
            fresh = true;
        }
        throw new DcsException("the leader key in etcd changes faster than it can be renewed");
    }

    /** A key that was created and never confirmed came late, or its process is gone: nobody leads by it. */
    private LeaseResult lostWithout(String member, long epoch, Budget budget) throws DcsException {
        Optional<Entry> mine =
                seen.entry(LEADER).filter(l -> l.value().equals(member) && l.created() == epoch && !isConfirmed(l));
        if (mine.isPresent()) {
            giveBack(mine.get(), budget);
        }
        return lostTo();
    }

    /** @return false if the lock is lost */
    private boolean publish(String member, long epoch, String status, Budget budget) throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            if (seen.entry(STATUS).map(Entry::value).equals(Optional.of(status))
                    || rewrite(STATUS, status, 0, budget)) {
                return true;
            }
            look(budget);
            if (!isMine(member, epoch)) {
                return false;
            }
        }
        throw new DcsException("the status key in etcd changes faster than it can be written");
    }

    boolean release(String member, long epoch, Optional<String> lastStatus, Budget budget) throws DcsException {
        return turn.take(() -> tryToRelease(member, epoch, lastStatus, budget));
    }

    private boolean tryToRelease(String member, long epoch, Optional<String> lastStatus, Budget budget)
            throws DcsException {
        if (!isMine(member, epoch)) {
            look(budget);
        }
        for (int round = 0; round < MOST_ROUNDS && isMine(member, epoch); round++) {
            if (lastStatus.isPresent() && !publish(member, epoch, lastStatus.get(), budget)) {
                return false;
            }
            // Each renewal changes the index: what is held up until after one is refused.
            If.Unchanged asSeen = new If.Unchanged(seen.modified(LEADER));
            if (api.delete(base + LEADER, asSeen, Again.FORBIDDEN, budget).done()) {
                seen = seen.with(LEADER, Optional.empty());
                return true;
            }
            look(budget);
        }
        return false;
    }

    /**
     * Writes a key if this member still leads.
     *
     * @param nothing the value that says as much as no key
     */
    WriteResult write(
            String member, long epoch, String key, String value, String nothing, Expected expected, Budget budget)
            throws DcsException {
        return turn.take(() -> tryToWrite(member, epoch, key, value, nothing, expected, budget));
    }

    private WriteResult tryToWrite(
            String member, long epoch, String key, String value, String nothing, Expected expected, Budget budget)
            throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            look(budget);
            Optional<Entry> now = seen.entry(key);
            if (!isMine(member, epoch) || !isAsExpected(key, now, nothing, expected)) {
                return new WriteResult.Conflict();
            }
            if (now.isEmpty() && value.equals(nothing)) {
                return new WriteResult.Written(seen.index());
            }
            if (now.isEmpty()) {
                // Harmless whenever it comes. The next leader finds it, if it was there when this one was seen to lead.
                api.put(base + key, nothing, 0, new If.Absent(), Again.ALLOWED, budget);
                continue;
            }
            Answer answer = writeOnce(key, value, now.get(), budget);
            if (answer.done()) {
                seen = seen.with(key, Optional.of(answer.entry()));
                return new WriteResult.Written(answer.entry().modified());
            }
        }
        throw new DcsException("the key " + key + " in etcd changes faster than it can be written");
    }

    private Answer writeOnce(String key, String value, Entry now, Budget budget) throws DcsException {
        boolean before = unsettled;
        unsettled = true;
        Answer answer;
        try {
            answer = api.put(base + key, value, 0, new If.Unchanged(now.modified()), Again.FORBIDDEN, budget);
        } catch (Refusal e) {
            unsettled = before;
            throw e;
        }
        unsettled = before;
        return answer;
    }

    private boolean isAsExpected(String key, Optional<Entry> now, String nothing, Expected expected) {
        return switch (expected) {
            case Expected.Anything() -> true;
            case Expected.Absent() -> now.isEmpty() || now.get().value().equals(nothing);
            case Expected.Revision(long revision) ->
                now.filter(e -> isSame(key, revision, e.modified())).isPresent();
        };
    }

    /** Whether nobody else has written the key since it had this index. */
    private boolean isSame(String key, long revision, long modified) {
        Same known = same.get(key);
        return revision == modified
                || known != null && known.last() == modified && revision >= known.first() && revision <= known.last();
    }
}
