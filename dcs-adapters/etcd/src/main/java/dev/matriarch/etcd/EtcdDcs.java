package dev.matriarch.etcd;

import static dev.matriarch.etcd.Requests.asDelete;
import static dev.matriarch.etcd.Requests.asPut;
import static dev.matriarch.etcd.Requests.transaction;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Measure;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.dcs.keyed.KeyedDcs;
import dev.matriarch.etcd.EtcdCluster.Again;
import dev.matriarch.etcd.Requests.Entry;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * {@link Dcs} on etcd's v3 API. Every read goes through etcd's majority, every write is conditioned on what it stands on. The
 * leader lock and a member's record have a lease each, so that one can end without the other.
 */
public final class EtcdDcs extends KeyedDcs {
    private record Touched(String json, long lease, long ttlSeconds, long atNanos) {}

    private final EtcdApi api;
    private final EtcdWatch watch;
    private final EtcdLock lock;
    private final String base;
    private final Map<String, Touched> touched = new ConcurrentHashMap<>();
    private volatile Map<String, ClusterKeys.Stored> lastRead = Map.of();
    private volatile long lastRevision;

    /** @throws IOException if a certificate or key cannot be used. Whether etcd answers is seen by the first read. */
    public EtcdDcs(EtcdSettings settings) throws IOException {
        this.base = settings.base();
        this.api = new EtcdApi(settings);
        this.lock = new EtcdLock(api, base);
        this.watch = new EtcdWatch(api, base, this::tell);
    }

    /** Another name or password is used from the next call on. */
    public void login(Optional<EtcdSettings.Login> login) {
        api.login(login);
    }

    @Override
    public ClusterView read(Duration timeout) throws DcsException {
        JsonNode answer = api.call("kv/range", Requests.rangeOfPrefix(base), Again.ALLOWED, new Budget(timeout));
        Map<String, ClusterKeys.Stored> keys = new HashMap<>();
        Optional<Entry> leader = Optional.empty();
        Optional<Entry> status = Optional.empty();
        long latest = 0;
        for (JsonNode kv : answer.path("kvs")) {
            Entry entry = Requests.entry(kv);
            String key = entry.key().substring(base.length());
            keys.put(key, new ClusterKeys.Stored(entry.value(), entry.modified()));
            latest = Math.max(latest, entry.modified());
            switch (key) {
                case ClusterKeys.LEADER -> leader = Optional.of(entry);
                case ClusterKeys.STATUS -> status = Optional.of(entry);
                default -> {}
            }
        }
        long revision = Requests.revision(answer);
        if (revision < lastRevision) {
            watch.begunAnew();
        }
        lock.shown(leader, status);
        lastRead = keys;
        lastRevision = revision;
        watch.shown(latest);
        return ClusterKeys.view(revision, keys, leader.map(Entry::created).orElse(0L));
    }

    @Override
    public LeaseResult acquireLeader(String member, Duration ttl, long decidedOn, Duration timeout)
            throws DcsException {
        api.cluster().lineage().leasesLast(ttl);
        return lock.acquire(member, ttl, decidedOn, new Budget(timeout));
    }

    @Override
    public LeaseResult renewLeader(
            String member, long epoch, Duration ttl, Optional<ClusterStatus> status, Duration timeout)
            throws DcsException {
        api.cluster().lineage().leasesLast(ttl);
        return lock.renew(member, epoch, ttl, status.map(ClusterJson::writeStatus), new Budget(timeout));
    }

    @Override
    public boolean releaseLeader(String member, long epoch, Optional<ClusterStatus> status, Duration timeout)
            throws DcsException {
        return lock.release(member, epoch, status.map(ClusterJson::writeStatus), new Budget(timeout));
    }

    @Override
    public void touchMember(Member member, Duration ttl, Duration timeout) throws DcsException {
        api.cluster().lineage().leasesLast(ttl);
        Budget budget = new Budget(timeout);
        String json = ClusterJson.writeMember(member);
        String key = ClusterKeys.member(member.name());
        long seconds = EtcdLock.seconds(ttl);
        Touched last = touched.get(member.name());
        long now = System.nanoTime();
        if (last != null && last.ttlSeconds() == seconds) {
            ClusterKeys.Stored shown = lastRead.get(key);
            boolean stands =
                    last.json().equals(json) && shown != null && shown.value().equals(json);
            if (stands && now - last.atNanos() < ttl.toNanos() / 3) {
                return;
            }
            if (EtcdLock.keepAlive(api, last.lease(), budget).ttlSeconds() > 0) {
                writeMember(key, json, last.lease(), budget);
                touched.put(member.name(), new Touched(json, last.lease(), seconds, now));
                return;
            }
        }
        touched.remove(member.name());
        long lease = EtcdLock.grant(api, seconds, budget);
        writeMember(key, json, lease, budget);
        touched.put(member.name(), new Touched(json, lease, seconds, now));
    }

    private void writeMember(String key, String json, long lease, Budget budget) throws DcsException {
        String full = base + key;
        api.call(
                "kv/txn",
                transaction(
                        List.of(Requests.valued(full, json), Requests.leased(full, lease)),
                        List.of(),
                        List.of(asPut(Requests.put(full, json, lease)))),
                Again.ALLOWED,
                budget);
    }

    @Override
    public void deleteInitialize(Duration timeout) throws DcsException {
        ClusterKeys.Stored shown = lastRead.get(ClusterKeys.INITIALIZE);
        if (shown == null || !shown.value().isEmpty()) {
            return;
        }
        String key = base + ClusterKeys.INITIALIZE;
        api.call(
                "kv/txn",
                transaction(
                        List.of(Requests.modified(key, shown.revision())),
                        List.of(asDelete(Requests.range(key))),
                        List.of()),
                Again.ALLOWED,
                new Budget(timeout));
    }

    @Override
    public WriteResult writeSync(
            String leader, long epoch, Optional<SyncState> state, Expected expected, Duration timeout)
            throws DcsException {
        String key = base + ClusterKeys.SYNC;
        ObjectNode write = state.isPresent()
                ? asPut(Requests.put(key, ClusterJson.writeSync(state), 0))
                : asDelete(Requests.range(key));
        return lock.write(leader, epoch, condition(key, expected), write, new Budget(timeout));
    }

    @Override
    public WriteResult writeFailsafe(String leader, long epoch, Map<String, String> apiUrls, Duration timeout)
            throws DcsException {
        return lock.write(
                leader,
                epoch,
                List.of(),
                asPut(Requests.put(base + ClusterKeys.FAILSAFE, ClusterJson.writeFailsafe(apiUrls), 0)),
                new Budget(timeout));
    }

    @Override
    public void deleteCluster(Duration timeout) throws DcsException {
        JsonNode answer = api.call(
                "kv/txn",
                transaction(
                        List.of(Requests.created(base + ClusterKeys.LEADER, 0)),
                        List.of(asDelete(Requests.rangeOfPrefix(base))),
                        List.of()),
                Again.ALLOWED,
                new Budget(timeout));
        if (!Requests.succeeded(answer)) {
            throw isHeld("lease");
        }
        touched.clear();
    }

    @Override
    public String health() {
        return api.cluster().health();
    }

    @Override
    public List<Measure> measures() {
        return api.cluster().measures();
    }

    @Override
    public void close() {
        watch.close();
        api.close();
    }

    @Override
    protected Optional<String> shown(String key) {
        return Optional.ofNullable(lastRead.get(key)).map(ClusterKeys.Stored::value);
    }

    @Override
    protected WriteResult write(String key, String value, Expected expected, Duration timeout) throws DcsException {
        List<ObjectNode> conditions = condition(base + key, expected);
        JsonNode answer = api.call(
                "kv/txn",
                transaction(conditions, List.of(asPut(Requests.put(base + key, value, 0))), List.of()),
                conditions.isEmpty() ? Again.ALLOWED : Again.FORBIDDEN,
                new Budget(timeout));
        return Requests.succeeded(answer)
                ? new WriteResult.Written(Requests.revision(answer))
                : new WriteResult.Conflict();
    }

    private static List<ObjectNode> condition(String key, Expected expected) {
        List<ObjectNode> conditions = new ArrayList<>();
        switch (expected) {
            case Expected.Anything() -> {}
            case Expected.Absent() -> conditions.add(Requests.created(key, 0));
            case Expected.Revision(long revision) -> conditions.add(Requests.modified(key, revision));
        }
        return conditions;
    }
}
