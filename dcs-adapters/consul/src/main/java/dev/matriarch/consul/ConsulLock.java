package dev.matriarch.consul;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.consul.ConsulApi.Again;
import dev.matriarch.consul.Txn.Entry;
import dev.matriarch.consul.Txn.Outcome;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.http.Turn;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The leader key and its session. The epoch of a lock is the index that created its key.
 *
 * <p>Whatever a leader writes as the leader is conditioned on the last index of its key. If nothing is heard of such a
 * write, the next renewal writes the key once more: what was held up on its way is then refused.
 *
 * <p>The renewal of a session does not go through the majority: a leader of Consul that has been replaced without knowing may
 * answer it, and its clock is not the one that counts any more. A renewal is therefore followed by a transaction through the
 * majority, and counts only if Consul had the same leader before and after.
 *
 * <p>A leader of Consul that could not end a session tries to up to 160 s later, whoever has renewed it meanwhile
 * ({@code invalidateSession} in Consul's {@code session_ttl.go}). So a session is renewed only while none can have
 * begun that: since it was last known to be alive, Consul has had one leader, and a ttl has not gone by. Else the lock moves to
 * a session that nobody has ever wanted to end.
 */
final class ConsulLock {
    private static final Logger LOG = LoggerFactory.getLogger(ConsulLock.class);
    private static final int MOST_ROUNDS = 4;

    private final ConsulApi api;
    private final ConsulSessions sessions;
    private final String leaderKey;
    private final String statusKey;

    /** Held while what follows is looked at or changed, also while the store is asked. */
    private final Turn turn = new Turn();

    private Optional<Entry> leader = Optional.empty();
    private Optional<Entry> status = Optional.empty();
    private Sure sure = Sure.OF_NOTHING;
    private long warnedOf;
    private volatile String holder = "";

    /**
     * The session that no leader of Consul can have begun to end by its last confirmed renewal.
     *
     * @param by who led Consul all through that renewal; empty: not known
     * @param sinceNanos before that renewal was sent
     */
    private record Sure(String session, String by, long sinceNanos) {
        static final Sure OF_NOTHING = new Sure("", "", 0);

        boolean isStill(String other, Duration ttl) {
            return !by.isEmpty() && session.equals(other) && System.nanoTime() - sinceNanos < ttl.toNanos();
        }
    }

    /** An earlier process of this name may have left a write on its way. */
    private boolean unsettled = true;

    ConsulLock(ConsulApi api, ConsulSessions sessions, String base) {
        this.api = api;
        this.sessions = sessions;
        this.leaderKey = base + ClusterKeys.LEADER;
        this.statusKey = base + ClusterKeys.STATUS;
    }

    /** What a read has just shown. */
    void shown(Optional<Entry> leaderEntry, Optional<Entry> statusEntry) {
        turn.ifNobodys(() -> {
            leaderEntry.filter(l -> l.session().isEmpty()).ifPresent(this::warnOfEndless);
            leader = leaderEntry;
            status = statusEntry;
        });
    }

    private void warnOfEndless(Entry entry) {
        if (entry.created() != warnedOf) {
            warnedOf = entry.created();
            LOG.warn(
                    "The leader key of {} goes with no session, so that it never ends by itself. If that member does not"
                            + " lead any more: consul kv delete {}",
                    entry.value(),
                    entry.key());
        }
    }

    /** Who held the lock by this client's last answer about it; empty if none of its members did. */
    String holder() {
        return holder;
    }

    private LeaseResult held(String member, long epoch) {
        holder = member;
        return new LeaseResult.Held(epoch);
    }

    private LeaseResult lostTo(Optional<Entry> other) {
        holder = "";
        return new LeaseResult.Lost(other.map(Entry::value).orElse(""));
    }

    private void look(Budget budget) throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            see(api.transaction(List.of(Txn.look(leaderKey), Txn.look(statusKey)), Again.ALLOWED, budget));
            // To whom may not read it, Consul shows no key, without a word about it; this it refuses.
            if (leader.isPresent()
                    || api.transaction(List.of(Txn.absent(leaderKey)), Again.ALLOWED, budget)
                            .done()) {
                return;
            }
        }
        throw new DcsException(
                "Consul at " + api.address() + " does not show " + leaderKey + ", but has it: may the token read it?");
    }

    private void see(Outcome outcome) throws DcsException {
        if (!outcome.done()) {
            throw new DcsException("Consul does not show the leader key: " + outcome.why());
        }
        leader = shownBy(outcome, leaderKey);
        status = shownBy(outcome, statusKey);
    }

    private static Optional<Entry> shownBy(Outcome outcome, String key) {
        // Steps before the look show the key, too, but without its value.
        return outcome.entries().reversed().stream()
                .filter(e -> e.key().equals(key))
                .findFirst();
    }

    private String leaderOfConsul(Budget budget) throws DcsException {
        return api.call("GET", "status/leader", "", Again.ALLOWED, budget)
                .body()
                .asText("");
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
                return lostTo(Optional.empty());
            }
            String same = status.map(Entry::value).orElse(ClusterJson.writeStatus(ClusterStatus.NONE));
            String session = sessions.forLock(ttl, budget);
            Outcome outcome = api.transaction(
                    List.of(
                            Txn.absent(leaderKey),
                            Txn.lock(leaderKey, member, 0, session),
                            Txn.compareAndSet(statusKey, statusAt, same, nextFlags(status)),
                            Txn.look(leaderKey),
                            Txn.look(statusKey)),
                    Again.ALLOWED,
                    budget);
            if (outcome.done()) {
                see(outcome);
                return held(member, leader.orElseThrow().created());
            }
            LOG.debug("the lock was not given: {}", outcome.why());
            if (outcome.why().contains("lock delay")) {
                return lostTo(Optional.empty());
            }
            // Somebody was faster, or this very request was asked twice: the next look tells. The session is left to
            // end by itself: it may be that of the lock, and its end, held up on its way, would take the lock after a
            // renewal.
        }
        throw new DcsException("the leader key in Consul changes faster than it can be asked for");
    }

    /** Any other number than before: a write that changes nothing would leave the key's index as it is. */
    private static long nextFlags(Optional<Entry> entry) {
        return entry.map(e -> e.flags() + 1 & 0xffff).orElse(0L);
    }

    LeaseResult renew(String member, long epoch, Duration ttl, Optional<String> wantedStatus, Budget budget)
            throws DcsException {
        return turn.take(() -> tryToRenew(member, epoch, ttl, wantedStatus, budget));
    }

    private LeaseResult tryToRenew(
            String member, long epoch, Duration ttl, Optional<String> wantedStatus, Budget budget) throws DcsException {
        if (!isMine(member, epoch)) {
            look(budget);
        }
        for (int round = 0; round < MOST_ROUNDS; round++) {
            if (!isMine(member, epoch)) {
                return lostTo(leader);
            }
            Entry mine = leader.orElseThrow();
            long sent = System.nanoTime();
            Optional<String> time = sessions.renew(mine.session(), budget);
            if (time.isEmpty() && !mine.session().isEmpty()) {
                // Its end takes the key with it.
                look(budget);
                continue;
            }
            boolean another = !time.equals(Optional.of(sessions.time(ttl))) || !sure.isStill(mine.session(), ttl);
            String before = another ? leaderOfConsul(budget) : sure.by();
            if (another) {
                sent = System.nanoTime();
            }
            String session = another ? sessions.forLock(ttl, budget) : mine.session();
            if (another) {
                // Not heard of, it could come later and put the key under a session that nobody renews.
                unsettled = true;
            }
            Outcome outcome = api.transaction(renewal(mine, session, wantedStatus), Again.ALLOWED, budget);
            if (!outcome.done()) {
                look(budget);
                continue;
            }
            see(outcome);
            String leaderNow = leaderOfConsul(budget);
            boolean same = !leaderNow.isEmpty() && leaderNow.equals(before);
            sure = same ? new Sure(session, leaderNow, sent) : Sure.OF_NOTHING;
            if (!another && !same) {
                LOG.debug("Consul changed its leader: the lock gets another session");
                continue;
            }
            unsettled = false;
            return held(member, epoch);
        }
        throw new DcsException(
                "the leader key in Consul, or Consul's leader, changes faster than the lock can be renewed");
    }

    private boolean isMine(String member, long epoch) {
        return leader.filter(l -> l.value().equals(member) && l.created() == epoch)
                .isPresent();
    }

    private List<ObjectNode> renewal(Entry mine, String session, Optional<String> wantedStatus) {
        List<ObjectNode> steps = new ArrayList<>(stillMine(mine));
        boolean moves = !session.equals(mine.session());
        if (moves && !mine.session().isEmpty()) {
            steps.add(Txn.unlock(leaderKey, mine.value(), mine.flags(), mine.session()));
        }
        if (moves || unsettled) {
            steps.add(Txn.lock(leaderKey, mine.value(), nextFlags(leader), session));
        }
        if (wantedStatus.isPresent() && !wantedStatus.equals(status.map(Entry::value))) {
            // A renewal that was held up must not take back what a later one has written.
            steps.add(Txn.compareAndSet(
                    statusKey, status.map(Entry::modified).orElse(0L), wantedStatus.get(), nextFlags(status)));
        }
        steps.add(Txn.look(leaderKey));
        steps.add(Txn.look(statusKey));
        return steps;
    }

    private List<ObjectNode> stillMine(Entry mine) {
        ObjectNode unchanged = Txn.unchanged(leaderKey, mine.modified());
        return mine.session().isEmpty()
                ? List.of(unchanged)
                : List.of(unchanged, Txn.locked(leaderKey, mine.session()));
    }

    boolean release(String member, long epoch, Optional<String> lastStatus, Budget budget) throws DcsException {
        return turn.take(() -> tryToRelease(member, epoch, lastStatus, budget));
    }

    private boolean tryToRelease(String member, long epoch, Optional<String> lastStatus, Budget budget)
            throws DcsException {
        List<ObjectNode> then = new ArrayList<>();
        lastStatus.ifPresent(json -> then.add(Txn.set(statusKey, json)));
        then.add(Txn.delete(leaderKey));
        boolean done = asLeader(member, epoch, then, budget).isPresent();
        if (done) {
            leader = Optional.empty();
            holder = "";
        }
        return done;
    }

    /** Writes something if this member still leads. */
    WriteResult write(String member, long epoch, List<ObjectNode> write, Budget budget) throws DcsException {
        return turn.take(() -> asLeader(member, epoch, write, budget))
                .<WriteResult>map(outcome -> new WriteResult.Written(
                        outcome.entries().isEmpty()
                                ? 0
                                : outcome.entries().getLast().modified()))
                .orElse(new WriteResult.Conflict());
    }

    private Optional<Outcome> asLeader(String member, long epoch, List<ObjectNode> then, Budget budget)
            throws DcsException {
        if (!isMine(member, epoch)) {
            look(budget);
        }
        for (int round = 0; round < MOST_ROUNDS && isMine(member, epoch); round++) {
            Entry mine = leader.orElseThrow();
            List<ObjectNode> all = new ArrayList<>(stillMine(mine));
            all.addAll(then);
            boolean before = unsettled;
            unsettled = true;
            Outcome outcome;
            try {
                outcome = api.transaction(all, Again.FORBIDDEN, budget);
            } catch (Refusal e) {
                unsettled = before;
                throw e;
            }
            unsettled = before;
            if (outcome.done()) {
                return Optional.of(outcome);
            }
            look(budget);
            if (leader.map(Entry::modified).equals(Optional.of(mine.modified()))) {
                return Optional.empty();
            }
        }
        return Optional.empty();
    }
}
