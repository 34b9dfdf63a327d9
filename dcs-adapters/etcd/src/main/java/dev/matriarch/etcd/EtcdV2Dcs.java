package dev.matriarch.etcd;

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
import dev.matriarch.etcd.EtcdV2Api.Answer;
import dev.matriarch.etcd.EtcdV2Api.If;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * {@link Dcs} on etcd's v2 API. Every read goes through etcd's majority, every write is conditioned on what it stands on. The
 * leader key and a member's record live by a time of their own, so that one can end without the other.
 */
public final class EtcdV2Dcs extends KeyedDcs {
    private record Touched(String json, long ttlSeconds, long atNanos) {}

    private final EtcdV2Api api;
    private final EtcdV2Watch watch;
    private final EtcdV2Lock lock;
    private final String base;
    private final Map<String, Touched> touched = new ConcurrentHashMap<>();
    private volatile KeyTree lastRead = KeyTree.NOTHING;

    /** @throws IOException if a certificate or key cannot be used. Whether etcd answers is seen by the first read. */
    public EtcdV2Dcs(EtcdSettings settings) throws IOException {
        this.base = settings.base();
        this.api = new EtcdV2Api(settings);
        this.lock = new EtcdV2Lock(api, base);
        this.watch = new EtcdV2Watch(api, base, this::tell);
    }

    /** Another name or password is used from the next call on. */
    public void login(Optional<EtcdSettings.Login> login) {
        api.login(login);
    }

    @Override
    public ClusterView read(Duration timeout) throws DcsException {
        long generation = api.cluster().lineage().generation();
        KeyTree tree = api.tree(base, new Budget(timeout));
        Map<String, ClusterKeys.Stored> keys = new HashMap<>();
        tree.entries().forEach((key, entry) -> keys.put(key, new ClusterKeys.Stored(entry.value(), entry.modified())));
        lock.shown(tree);
        lastRead = tree;
        if (api.cluster().lineage().generation() != generation) {
            watch.begunAnew();
        }
        return ClusterKeys.view(
                tree.index(),
                keys,
                tree.entry(ClusterKeys.LEADER).map(KeyTree.Entry::created).orElse(0L));
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
        String json = ClusterJson.writeMember(member);
        String key = ClusterKeys.member(member.name());
        long seconds = EtcdV2Lock.seconds(ttl);
        Touched last = touched.get(member.name());
        long now = System.nanoTime();
        boolean stands = last != null
                && last.ttlSeconds() == seconds
                && last.json().equals(json)
                && lastRead.entry(key).filter(e -> e.value().equals(json)).isPresent();
        if (stands && now - last.atNanos() < ttl.toNanos() / 3) {
            return;
        }
        Answer answer = api.put(base + key, json, seconds, new If.Always(), Again.ALLOWED, new Budget(timeout));
        if (!answer.done()) {
            throw new DcsException("etcd does not take the member's record: error " + answer.error());
        }
        touched.put(member.name(), new Touched(json, seconds, now));
    }

    @Override
    public void deleteInitialize(Duration timeout) throws DcsException {
        Optional<KeyTree.Entry> claim =
                lastRead.entry(ClusterKeys.INITIALIZE).filter(e -> e.value().isEmpty());
        if (claim.isPresent()) {
            api.delete(
                    base + ClusterKeys.INITIALIZE,
                    new If.Unchanged(claim.get().modified()),
                    Again.ALLOWED,
                    new Budget(timeout));
        }
    }

    @Override
    public WriteResult writeSync(
            String leader, long epoch, Optional<SyncState> state, Expected expected, Duration timeout)
            throws DcsException {
        return lock.write(
                leader,
                epoch,
                ClusterKeys.SYNC,
                ClusterJson.writeSync(state),
                ClusterJson.writeSync(Optional.empty()),
                expected,
                new Budget(timeout));
    }

    @Override
    public WriteResult writeFailsafe(String leader, long epoch, Map<String, String> apiUrls, Duration timeout)
            throws DcsException {
        return lock.write(
                leader,
                epoch,
                ClusterKeys.FAILSAFE,
                ClusterJson.writeFailsafe(apiUrls),
                ClusterJson.writeFailsafe(Map.of()),
                Expected.anything(),
                new Budget(timeout));
    }

    @Override
    public void deleteCluster(Duration timeout) throws DcsException {
        new EtcdV2Removal(api, base).run(timeout);
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
        return lastRead.entry(key).map(KeyTree.Entry::value);
    }

    @Override
    protected WriteResult write(String key, String value, Expected expected, Duration timeout) throws DcsException {
        if (expected instanceof Expected.Revision(long revision) && revision <= 0) {
            return new WriteResult.Conflict();
        }
        If condition = switch (expected) {
            case Expected.Anything() -> new If.Always();
            case Expected.Absent() -> new If.Absent();
            case Expected.Revision(long revision) -> new If.Unchanged(revision);
        };
        Answer answer = api.put(
                base + key,
                value,
                0,
                condition,
                condition instanceof If.Always ? Again.ALLOWED : Again.FORBIDDEN,
                new Budget(timeout));
        return answer.done() ? new WriteResult.Written(answer.entry().modified()) : new WriteResult.Conflict();
    }
}
