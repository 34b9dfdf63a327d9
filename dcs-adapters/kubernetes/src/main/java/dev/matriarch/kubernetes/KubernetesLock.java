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
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
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
    /** On the {@code sync} object; its value is of no interest, but that it changes. */
    static final String MARK = "matriarch.dev/settled";

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSSxxx");

    private final KubernetesSettings settings;
    private final KubeObjects objects;
    private final Supplier<Optional<KubeObject>> ownPod;

    /** Held while the store is asked for the lock, and what is known of it may change. */
    private final ReentrantLock turn = new ReentrantLock();

    private Optional<KubeObject> leader = Optional.empty();
    private Optional<KubeObject> sync = Optional.empty();
    /** From the first to the second version of the {@code sync} object nothing but the mark has changed. */
    private long sameFrom;

    private long sameTo;

    /** An earlier process of this name may have left a write on its way. */
    private boolean unsettled = true;

    private final Object sightingLock = new Object();
    private Sighting sighting = Sighting.NOTHING;

    KubernetesLock(KubernetesSettings settings, KubeObjects objects, Supplier<Optional<KubeObject>> ownPod) {
        this.settings = settings;
        this.objects = objects;
        this.ownPod = ownPod;
    }

    /** Kubernetes is told whole seconds: rather a little longer than asked for. */
    static long seconds(Duration ttl) {
        return Math.max(1, (ttl.toMillis() + 999) / 1000);
    }

    /** A list has just shown the objects. */
    Sighting shown(Listed listed) {
        return read(listed.get(settings.leaderName()));
    }

    private Sighting read(Optional<KubeObject> object) {
        synchronized (sightingLock) {
            sighting = sighting.then(object, System.nanoTime());
            return sighting;
        }
    }

    /** What a watch says of the leader's object may be older than what was read. @return true if it was not */
    boolean heard(KubeObject object) {
        synchronized (sightingLock) {
            boolean newer = object.version() > sighting.version();
            if (newer) {
                sighting = sighting.then(Optional.of(object), System.nanoTime());
            }
            return newer;
        }
    }

    Sighting sighting() {
        synchronized (sightingLock) {
            return sighting;
        }
    }

    /** Who held the lock when it was looked at last, unless it has ended since; empty: nobody. */
    String holder() {
        return sighting().holder(System.nanoTime());
    }

    private interface Step<T> {
        T take() throws DcsException;
    }

    private <T> T inTurn(Step<T> step) throws DcsException {
        turn.lock();
        try {
            return step.take();
        } finally {
            turn.unlock();
        }
    }

    private void look(Budget budget) throws DcsException {
        Listed listed = objects.list(budget);
        leader = listed.get(settings.leaderName());
        sync = listed.get(settings.syncName());
        if (leader.isEmpty() || sync.isEmpty()) {
            // They may be there without our labels. The lock is asked for last: whoever takes it later changes the
            // other.
            if (sync.isEmpty()) {
                sync = objects.get(settings.syncName(), budget);
            }
            leader = objects.get(settings.leaderName(), budget);
        }
        read(leader);
    }

    private void changed(KubeObject now) {
        leader = Optional.of(now);
        read(leader);
    }

    private LeaseResult lost() {
        return new LeaseResult.Lost(holder());
    }

    LeaseResult acquire(String member, Duration ttl, long decidedOn, Budget budget) throws DcsException {
        return inTurn(() -> tryToAcquire(member, ttl, decidedOn, budget));
    }

    private LeaseResult tryToAcquire(String member, Duration ttl, long decidedOn, Budget budget) throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            look(budget);
            Sighting now = sighting();
            String other = now.holder(System.nanoTime());
            if (other.equals(member)) {
                return tryToRenew(member, now.epoch(), ttl, Optional.empty(), budget);
            }
            if (!other.isEmpty()) {
                return lost();
            }
            if (isNewer(leader, decidedOn) || isNewer(sync, decidedOn)) {
                return new LeaseResult.Lost("");
            }
            Instant time = later(Instant.now(), now.epoch());
            Map<String, Optional<String>> wanted = new LinkedHashMap<>();
            wanted.put(Sighting.LEADER, Optional.of(member));
            wanted.put(Sighting.TTL, Optional.of(Long.toString(seconds(ttl))));
            wanted.put(Sighting.ACQUIRED, Optional.of(text(time)));
            wanted.put(Sighting.RENEWED, Optional.of(text(time)));
            wanted.put(Sighting.TRANSITIONS, Optional.of(Long.toString(leader.isEmpty() ? 0 : now.transitions() + 1)));
            boolean before = unsettled;
            // Not heard of, it is confirmed by a renewal.
            unsettled = true;
            Optional<KubeObject> done;
            try {
                done = objects.change(settings.leaderName(), leader, wanted, published(), Forbidden.LATER, budget);
            } catch (Refusal e) {
                unsettled = before;
                throw e;
            }
            if (done.isEmpty()) {
                unsettled = before;
                continue;
            }
            changed(done.get());
            long epoch = sighting().epoch();
            if (!mark(budget)) {
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

    private static boolean isNewer(Optional<KubeObject> object, long version) {
        return object.map(o -> o.version() > version).orElse(false);
    }

    /** @return false: somebody else has changed the object since it was looked at */
    private boolean mark(Budget budget) throws DcsException {
        long was = sync.map(KubeObject::version).orElse(0L);
        String last = sync.flatMap(s -> s.annotation(MARK)).orElse("");
        String next = text(later(Instant.now(), Sighting.micros(last)));
        Optional<KubeObject> done = objects.change(
                settings.syncName(), sync, Map.of(MARK, Optional.of(next)), Extra.NONE, Forbidden.LATER, budget);
        if (done.isEmpty()) {
            return false;
        }
        if (was != sameTo) {
            sameFrom = was;
        }
        sync = done;
        sameTo = done.get().version();
        return true;
    }

    LeaseResult renew(String member, long epoch, Duration ttl, Optional<ClusterStatus> status, Budget budget)
            throws DcsException {
        return inTurn(() -> tryToRenew(member, epoch, ttl, status, budget));
    }

    private LeaseResult tryToRenew(
            String member, long epoch, Duration ttl, Optional<ClusterStatus> status, Budget budget)
            throws DcsException {
        if (!isMine(member, epoch)) {
            look(budget);
        }
        for (int round = 0; round < MOST_ROUNDS; round++) {
            if (!isMine(member, epoch)) {
                return lost();
            }
            Map<String, Optional<String>> wanted = mine(member);
            wanted.put(Sighting.TTL, Optional.of(Long.toString(seconds(ttl))));
            String last = leader.orElseThrow().annotation(Sighting.RENEWED).orElse("");
            wanted.put(Sighting.RENEWED, Optional.of(text(later(Instant.now(), Sighting.micros(last)))));
            status.ifPresent(s -> Values.put(wanted, s));
            Optional<KubeObject> done =
                    objects.change(settings.leaderName(), leader, wanted, published(), Forbidden.LATER, budget);
            if (done.isEmpty()) {
                look(budget);
                continue;
            }
            changed(done.get());
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
        if (mark(budget)) {
            return true;
        }
        look(budget);
        return mark(budget);
    }

    private boolean isMine(String member, long epoch) {
        return leader.filter(l -> l.annotation(Sighting.LEADER).equals(Optional.of(member))
                        && Sighting.micros(l.annotation(Sighting.ACQUIRED).orElse("")) == epoch)
                .isPresent();
    }

    /**
     * Whose lock it is, to be written with each change of it as it stands: after a refusal a change is only recognised as made if it
     * still is this member's.
     */
    private Map<String, Optional<String>> mine(String member) {
        Map<String, Optional<String>> mine = new LinkedHashMap<>();
        mine.put(Sighting.LEADER, Optional.of(member));
        mine.put(Sighting.ACQUIRED, leader.flatMap(l -> l.annotation(Sighting.ACQUIRED)));
        return mine;
    }

    /** What the leader's service is to lead to, if it does not yet. */
    private Extra published() {
        Optional<JsonNode> wanted = settings.endpoints().flatMap(e -> LeaderSubsets.of(e, ownPod.get()));
        JsonNode present = leader.map(l -> l.whole().path("subsets")).orElse(LeaderSubsets.none());
        return Extra.of(wanted.filter(w -> !LeaderSubsets.same(w, present)));
    }

    boolean release(String member, long epoch, Optional<ClusterStatus> status, Budget budget) throws DcsException {
        return inTurn(() -> tryToRelease(member, epoch, status, budget));
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
        return inTurn(() -> asLeader(member, epoch, annotations, Extra.NONE, budget))
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
            Map<String, Optional<String>> wanted = mine(member);
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
        return inTurn(() -> tryToWriteSync(member, epoch, annotations, expected, budget));
    }

    private WriteResult tryToWriteSync(
            String member, long epoch, Map<String, Optional<String>> annotations, Expected expected, Budget budget)
            throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            // One list shows both objects at one moment: whoever takes the lock later changes this version.
            look(budget);
            boolean asExpected = switch (expected) {
                case Expected.Anything() -> true;
                case Expected.Absent() ->
                    sync.flatMap(s -> s.annotation(Sighting.LEADER)).isEmpty();
                case Expected.Revision(long revision) -> isAt(revision);
            };
            if (!isMine(member, epoch) || !asExpected) {
                return new WriteResult.Conflict();
            }
            Optional<KubeObject> was = sync;
            Optional<KubeObject> done = uncertain(
                    () -> objects.change(settings.syncName(), was, annotations, Extra.NONE, Forbidden.AT_ONCE, budget));
            if (done.isPresent()) {
                sync = done;
                return new WriteResult.Written(done.get().version());
            }
        }
        return new WriteResult.Conflict();
    }

    private boolean isAt(long revision) {
        long version = sync.map(KubeObject::version).orElse(0L);
        return version == revision || version == sameTo && revision >= sameFrom && revision < sameTo;
    }

    /** A time that comes after one in microseconds, however the wall clocks go. */
    private static Instant later(Instant now, long thanMicros) {
        Instant least = Instant.EPOCH.plus(thanMicros + 1, ChronoUnit.MICROS);
        return now.isBefore(least) ? least : now;
    }

    private static String text(Instant time) {
        return TIME.format(time.atOffset(ZoneOffset.UTC));
    }
}
