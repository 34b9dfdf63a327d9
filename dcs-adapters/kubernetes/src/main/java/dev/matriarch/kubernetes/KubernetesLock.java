package dev.matriarch.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.kubernetes.KubeObjects.Extra;
import dev.matriarch.kubernetes.KubeObjects.Listed;
import dev.matriarch.kubernetes.KubernetesApi.Forbidden;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The leader's object. Whatever is written to it names the version that was seen: of two who write at once, one is refused.
 *
 * <p>Kubernetes has no transactions. The {@code sync} object is another one, so each new holder of the lock changes a mark on it
 * before it is told that it leads: what an earlier holder still has on its way to that object names an older version, and
 * is refused. A holder that did not hear of a write does the same with its next renewal.
 */
final class KubernetesLock {
    private static final Logger LOG = LoggerFactory.getLogger(KubernetesLock.class);
    private static final int MOST_ROUNDS = 4;

    private final KubernetesSettings settings;
    private final KubeObjects objects;
    private final Function<Budget, Optional<KubeObject>> ownPod;

    /** Held while the store is asked for the lock, and what is known of it may change. */
    private final ReentrantLock turn = new ReentrantLock();

    private Optional<KubeObject> leader = Optional.empty();
    private final SyncObject sync;

    /** An earlier process of this name may have left a write on its way. */
    private boolean unsettled = true;

    /** Of a lock that is waited for, and which the log has told of. */
    private Sighting missed = Sighting.NOTHING;

    private final Sightings sightings = new Sightings();

    KubernetesLock(KubernetesSettings settings, KubeObjects objects, Function<Budget, Optional<KubeObject>> ownPod) {
        this.settings = settings;
        this.objects = objects;
        this.ownPod = ownPod;
        this.sync = new SyncObject(objects, settings.syncName());
    }

    /** Kubernetes is told whole seconds: rather a little longer than asked for. */
    static long seconds(Duration ttl) {
        return Math.max(1, (ttl.toMillis() + 999) / 1000);
    }

    /** A list has just shown the objects. */
    Sighting shown(Listed listed, Budget budget) throws DcsException {
        Optional<KubeObject> object = listed.get(settings.leaderName());
        return seen(listed, object.isPresent() ? object : withoutLabels(settings.leaderName(), budget));
    }

    /** An object that is not in the list may be there without our labels. */
    private Optional<KubeObject> withoutLabels(String name, Budget budget) throws DcsException {
        return objects.get(name, budget);
    }

    private Sighting seen(Listed listed, Optional<KubeObject> object) {
        boolean initialized = listed.get(settings.configName())
                .flatMap(c -> c.annotation(KubernetesDcs.INITIALIZE))
                .filter(identifier -> !identifier.isEmpty())
                .isPresent();
        return sightings.read(object, initialized);
    }

    /** A watch tells of the leader's object. */
    void heard(KubeObject object) {
        sightings.heard(object);
    }

    Sighting sighting() {
        return sightings.last();
    }

    /** Who held the lock when it was looked at last, unless it has ended since; empty: nobody. */
    String holder() {
        return sighting().holder(System.nanoTime());
    }

    private interface Step<T> {
        T take() throws DcsException;
    }

    private <T> T inTurn(Budget budget, Step<T> step) throws DcsException {
        try {
            if (!turn.tryLock(budget.left().toNanos(), TimeUnit.NANOSECONDS)) {
                throw new DcsException("Kubernetes has not answered an earlier request about the lock yet");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while Kubernetes was asked", e);
        }
        try {
            return step.take();
        } finally {
            turn.unlock();
        }
    }

    private Sighting look(Budget budget) throws DcsException {
        Listed listed = objects.list(budget);
        Optional<KubeObject> listedSync = listed.get(settings.syncName());
        leader = listed.get(settings.leaderName());
        sync.seen(listedSync);
        if (leader.isEmpty() || listedSync.isEmpty()) {
            // The lock is asked for last: whoever takes it later changes the other.
            if (listedSync.isEmpty()) {
                sync.seen(withoutLabels(settings.syncName(), budget));
            }
            leader = withoutLabels(settings.leaderName(), budget);
        }
        return seen(listed, leader);
    }

    private void changed(KubeObject now) {
        leader = Optional.of(now);
        sightings.read(leader, true);
    }

    private LeaseResult lost() {
        return new LeaseResult.Lost(holder());
    }

    LeaseResult acquire(String member, Duration ttl, long decidedOn, Budget budget) throws DcsException {
        return inTurn(budget, () -> tryToAcquire(member, ttl, decidedOn, budget));
    }

    private LeaseResult tryToAcquire(String member, Duration ttl, long decidedOn, Budget budget) throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            Sighting now = look(budget);
            String other = now.holder(System.nanoTime());
            if (other.equals(member)) {
                return tryToRenew(member, now.epoch(), ttl, Optional.empty(), budget);
            }
            if (!other.isEmpty()) {
                return lost();
            }
            if (isMissed(now, ttl) || isNewer(leader, decidedOn) || isNewer(sync.last(), decidedOn)) {
                return new LeaseResult.Lost("");
            }
            Instant time = Sighting.later(Instant.now(), now.epoch());
            Map<String, Optional<String>> wanted = new LinkedHashMap<>();
            wanted.put(Sighting.LEADER, Optional.of(member));
            wanted.put(Sighting.TTL, Optional.of(Long.toString(seconds(ttl))));
            wanted.put(Sighting.ACQUIRED, Optional.of(Sighting.text(time)));
            wanted.put(Sighting.RENEWED, Optional.of(Sighting.text(time)));
            wanted.put(Sighting.TRANSITIONS, Optional.of(Long.toString(leader.isEmpty() ? 0 : now.transitions() + 1)));
            boolean before = unsettled;
            // Not heard of, it is confirmed by a renewal.
            unsettled = true;
            Optional<KubeObject> done;
            try {
                done = objects.change(
                        settings.leaderName(), leader, wanted, published(budget), Forbidden.LATER, budget);
            } catch (Refusal e) {
                unsettled = before;
                throw e;
            }
            if (done.isEmpty()) {
                continue;
            }
            changed(done.get());
            long epoch = sighting().epoch();
            if (!sync.mark(budget)) {
                // The holder before wrote, after this election was decided.
                LOG.info("the synchronous standbys changed while the lock was taken: it is given back");
                tryToRelease(member, epoch, Optional.empty(), budget);
                return new LeaseResult.Lost("");
            }
            unsettled = false;
            return new LeaseResult.Held(epoch);
        }
        throw new DcsException("the leader's object in Kubernetes changes faster than it can be asked for");
    }

    /** A lock that vanished ends for nobody before its time, and may have been renewed until then. */
    private boolean isMissed(Sighting now, Duration ttl) {
        boolean wait = now.isMissed(System.nanoTime(), ttl);
        if (wait && now.sinceNanos() != missed.sinceNanos()) {
            missed = now;
            LOG.warn(
                    "The leader's object {} was there and is not any more: whoever held the lock may lead until it would have"
                            + " ended, so it is taken by nobody for {} s. Do not delete that object",
                    settings.leaderName(),
                    seconds(ttl));
        }
        return wait;
    }

    private static boolean isNewer(Optional<KubeObject> object, long version) {
        return object.map(o -> o.version() > version).orElse(false);
    }

    LeaseResult renew(String member, long epoch, Duration ttl, Optional<ClusterStatus> status, Budget budget)
            throws DcsException {
        return inTurn(budget, () -> tryToRenew(member, epoch, ttl, status, budget));
    }

    private LeaseResult tryToRenew(
            String member, long epoch, Duration ttl, Optional<ClusterStatus> status, Budget budget)
            throws DcsException {
        if (!isMine(member, epoch)) {
            look(budget);
        }
        for (int round = 0; round < MOST_ROUNDS; round++) {
            boolean vanished = leader.isEmpty() && isMissing(member, epoch);
            if (!vanished && !isMine(member, epoch)) {
                return lost();
            }
            Map<String, String> known =
                    vanished ? sighting().annotations() : leader.orElseThrow().annotations();
            Map<String, Optional<String>> wanted = mine(member, known);
            wanted.put(Sighting.TTL, Optional.of(Long.toString(seconds(ttl))));
            String last = known.getOrDefault(Sighting.RENEWED, "");
            wanted.put(
                    Sighting.RENEWED, Optional.of(Sighting.text(Sighting.later(Instant.now(), Sighting.micros(last)))));
            status.ifPresent(s -> Values.put(wanted, s));
            Optional<KubeObject> done =
                    objects.change(settings.leaderName(), leader, wanted, published(budget), Forbidden.LATER, budget);
            if (done.isEmpty()) {
                look(budget);
                continue;
            }
            changed(done.get());
            if (vanished) {
                LOG.warn(
                        "The leader's object {} had been deleted; the lock goes on in a new one",
                        settings.leaderName());
            }
            if (unsettled) {
                if (!marked(budget)) {
                    continue;
                }
                unsettled = false;
            }
            return new LeaseResult.Held(epoch);
        }
        throw new DcsException("the leader's object in Kubernetes changes faster than the lock can be renewed");
    }

    private boolean marked(Budget budget) throws DcsException {
        if (sync.mark(budget)) {
            return true;
        }
        look(budget);
        return sync.mark(budget);
    }

    private boolean isMine(String member, long epoch) {
        return leader.filter(l -> l.annotation(Sighting.LEADER).equals(Optional.of(member))
                        && Sighting.micros(l.annotation(Sighting.ACQUIRED).orElse("")) == epoch)
                .isPresent();
    }

    /** This member's lock was deleted and has not ended: nobody else has taken it, as the others wait for its end. */
    private boolean isMissing(String member, long epoch) {
        Sighting now = sighting();
        return now.vanished()
                && now.epoch() == epoch
                && now.holder(System.nanoTime()).equals(member);
    }

    /**
     * Whose lock it is, to be written with each change of it as it stands: after a refusal a change is only recognised as made if it
     * still is this member's.
     */
    private static Map<String, Optional<String>> mine(String member, Map<String, String> known) {
        Map<String, Optional<String>> mine = new LinkedHashMap<>();
        mine.put(Sighting.LEADER, Optional.of(member));
        mine.put(Sighting.ACQUIRED, Optional.ofNullable(known.get(Sighting.ACQUIRED)));
        mine.put(Sighting.TRANSITIONS, Optional.ofNullable(known.get(Sighting.TRANSITIONS)));
        return mine;
    }

    /** What the leader's service is to lead to, if it does not yet. */
    private Extra published(Budget budget) {
        Optional<JsonNode> wanted = settings.endpoints().flatMap(e -> LeaderSubsets.of(e, ownPod.apply(budget)));
        JsonNode present = leader.map(l -> l.whole().path("subsets")).orElse(LeaderSubsets.none());
        return Extra.of(wanted.filter(w -> !LeaderSubsets.same(w, present)));
    }

    boolean release(String member, long epoch, Optional<ClusterStatus> status, Budget budget) throws DcsException {
        return inTurn(budget, () -> tryToRelease(member, epoch, status, budget));
    }

    private boolean tryToRelease(String member, long epoch, Optional<ClusterStatus> status, Budget budget)
            throws DcsException {
        Map<String, Optional<String>> wanted = new LinkedHashMap<>();
        wanted.put(Sighting.LEADER, Optional.empty());
        status.ifPresent(s -> Values.put(wanted, s));
        Extra extra = settings.endpoints().isPresent() ? Extra.of(Optional.of(LeaderSubsets.none())) : Extra.NONE;
        return asLeader(member, epoch, wanted, extra, budget).isPresent();
    }

    /** Writes annotations of the leader's object if this member still leads. */
    WriteResult write(String member, long epoch, Map<String, Optional<String>> annotations, Budget budget)
            throws DcsException {
        return inTurn(budget, () -> asLeader(member, epoch, annotations, Extra.NONE, budget))
                .<WriteResult>map(o -> new WriteResult.Written(o.version()))
                .orElse(new WriteResult.Conflict());
    }

    private Optional<KubeObject> asLeader(
            String member, long epoch, Map<String, Optional<String>> annotations, Extra extra, Budget budget)
            throws DcsException {
        if (!isMine(member, epoch)) {
            look(budget);
        }
        for (int round = 0; round < MOST_ROUNDS && isMine(member, epoch); round++) {
            Optional<KubeObject> was = leader;
            Map<String, Optional<String>> wanted =
                    mine(member, was.orElseThrow().annotations());
            wanted.putAll(annotations);
            Optional<KubeObject> done = uncertain(
                    () -> objects.change(settings.leaderName(), was, wanted, extra, Forbidden.AT_ONCE, budget));
            if (done.isPresent()) {
                changed(done.get());
                return done;
            }
            look(budget);
        }
        return Optional.empty();
    }

    /** Until its answer is known, a write may still be on its way. */
    private Optional<KubeObject> uncertain(Step<Optional<KubeObject>> step) throws DcsException {
        boolean before = unsettled;
        unsettled = true;
        try {
            Optional<KubeObject> done = step.take();
            unsettled = before;
            return done;
        } catch (Refusal e) {
            unsettled = before;
            throw e;
        }
    }

    /** Writes the {@code sync} object if this member still leads. */
    WriteResult writeSync(
            String member, long epoch, Map<String, Optional<String>> annotations, Expected expected, Budget budget)
            throws DcsException {
        return inTurn(budget, () -> tryToWriteSync(member, epoch, annotations, expected, budget));
    }

    private WriteResult tryToWriteSync(
            String member, long epoch, Map<String, Optional<String>> annotations, Expected expected, Budget budget)
            throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            // One list shows both objects at one moment: whoever takes the lock later changes this version.
            look(budget);
            if (!isMine(member, epoch) || !sync.is(expected)) {
                return new WriteResult.Conflict();
            }
            Optional<KubeObject> done = uncertain(() -> sync.write(annotations, budget));
            if (done.isPresent()) {
                return new WriteResult.Written(done.get().version());
            }
        }
        return new WriteResult.Conflict();
    }
}
