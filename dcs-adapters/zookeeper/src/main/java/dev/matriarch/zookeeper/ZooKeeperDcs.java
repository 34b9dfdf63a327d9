package dev.matriarch.zookeeper;

import static dev.matriarch.zookeeper.Requests.await;

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
import dev.matriarch.dcs.http.Addresses;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.dcs.keyed.KeyedDcs;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;

/**
 * {@link Dcs} on ZooKeeper. Every write is conditioned on what it stands on, and every read has its server take up first what
 * was decided before. The leader lock and a member's record have a session each, so that one can end without the other.
 */
public final class ZooKeeperDcs extends KeyedDcs {
    private static final int MOST_ROUNDS = 8;

    /** In the order in which they are read: a lock that is taken after the status was read has changed it. */
    private static final List<String> READ = List.of(
            ClusterKeys.STATUS,
            ClusterKeys.LEADER,
            ZooKeeperLock.EPOCH,
            ClusterKeys.INITIALIZE,
            ClusterKeys.CONFIG,
            ClusterKeys.FAILOVER,
            ClusterKeys.HISTORY,
            ClusterKeys.SYNC,
            ClusterKeys.FAILSAFE,
            ClusterKeys.LEGACY_OPTIME);

    private final Optional<ExhibitorWatch> watch;
    private final Connections connections;
    private final Leases leases;
    private final Keys keys;
    private final ZooKeeperLock lock;
    private final MemberRecords records;
    private volatile Map<String, Node> lastRead = Map.of();

    /**
     * Whether ZooKeeper answers is seen by the first read.
     *
     * @throws IOException if a file of TLS cannot be used; the message names it
     */
    public ZooKeeperDcs(ZooKeeperSettings settings) throws IOException {
        this(settings, new Addresses(shuffled(settings.servers())));
    }

    /** @param servers asked in this order */
    ZooKeeperDcs(String base, Addresses servers) throws IOException {
        this(new ZooKeeperSettings(base, List.of()), servers);
    }

    private ZooKeeperDcs(ZooKeeperSettings settings, Addresses servers) throws IOException {
        Entrance entrance = new Entrance(settings.access());
        connections = new Connections(servers, entrance);
        leases = new Leases(servers, connections);
        keys = new Keys(settings.base(), entrance.acl());
        records = new MemberRecords(connections, leases, keys);
        lock = new ZooKeeperLock(connections, leases, keys);
        new ZooKeeperWatch(connections.curator(), settings.base(), this::tell);
        watch = settings.exhibitor().map(how -> new ExhibitorWatch(how, named -> connections.servers(shuffled(named))));
    }

    /** Not all members ask the same one. */
    private static List<URI> shuffled(List<URI> servers) {
        List<URI> shuffled = new ArrayList<>(servers);
        Collections.shuffle(shuffled);
        return shuffled;
    }

    @Override
    public ClusterView read(Duration timeout) throws DcsException {
        try {
            return connections.repeat(new Budget(timeout), this::readOnce);
        } catch (KeeperException e) {
            throw Requests.refused(e);
        }
    }

    private ClusterView readOnce(Requests requests, Budget budget) throws KeeperException, DcsException {
        for (int round = 1; ; round++) {
            // What its holder decides by must not be older than its last renewal.
            CompletableFuture<Void> fresh = lock.mayBeHeld() ? requests.barrier() : requests.sync(keys.base());
            Map<String, CompletableFuture<Optional<Node>>> asked = new LinkedHashMap<>();
            READ.forEach(key -> asked.put(key, requests.get(keys.of(key))));
            CompletableFuture<List<String>> names = requests.children(keys.of("members"));
            await(fresh, budget);
            for (String name : await(names, budget)) {
                String key = ClusterKeys.member(name);
                asked.put(key, requests.get(keys.of(key)));
            }
            Map<String, Node> nodes = new HashMap<>();
            for (var answer : asked.entrySet()) {
                await(answer.getValue(), budget).ifPresent(node -> nodes.put(answer.getKey(), node));
            }
            Optional<Node> leader = Optional.ofNullable(nodes.get(ClusterKeys.LEADER));
            Optional<Node> epoch = Optional.ofNullable(nodes.get(ZooKeeperLock.EPOCH));
            if (ZooKeeperLock.isTorn(leader, epoch) && round < ZooKeeperLock.MOST_READS) {
                continue;
            }
            Map<String, ClusterKeys.Stored> stored = new HashMap<>();
            nodes.forEach((key, node) -> stored.put(key, new ClusterKeys.Stored(node.value(), node.modified())));
            lastRead = nodes;
            long revision = Optional.ofNullable(nodes.get(ClusterKeys.STATUS))
                    .map(Node::modified)
                    .orElse(0L);
            return ClusterKeys.view(revision, stored, ZooKeeperLock.epochOf(leader, epoch));
        }
    }

    @Override
    public LeaseResult acquireLeader(String member, Duration ttl, long decidedOn, Duration timeout)
            throws DcsException {
        return lock.acquire(member, ttl, decidedOn, new Budget(timeout));
    }

    @Override
    public LeaseResult renewLeader(
            String member, long epoch, Duration ttl, Optional<ClusterStatus> status, Duration timeout)
            throws DcsException {
        return lock.renew(member, epoch, ttl, status.map(ClusterJson::writeStatus), new Budget(timeout));
    }

    @Override
    public boolean releaseLeader(String member, long epoch, Optional<ClusterStatus> status, Duration timeout)
            throws DcsException {
        return lock.release(member, epoch, status.map(ClusterJson::writeStatus), new Budget(timeout));
    }

    @Override
    public void touchMember(Member member, Duration ttl, Duration timeout) throws DcsException {
        records.touch(member, ttl, shown(ClusterKeys.member(member.name())), new Budget(timeout));
    }

    @Override
    public void deleteInitialize(Duration timeout) throws DcsException {
        Node shown = lastRead.get(ClusterKeys.INITIALIZE);
        if (shown == null || !shown.value().isEmpty()) {
            return;
        }
        String path = keys.of(ClusterKeys.INITIALIZE);
        try {
            connections.once(new Budget(timeout), (requests, budget) -> {
                requests.sync(path);
                Optional<Node> now = await(requests.get(path), budget);
                if (now.equals(Optional.of(shown))) {
                    await(requests.multi(List.of(Op.delete(path, shown.version()))), budget);
                }
                return now;
            });
        } catch (KeeperException e) {
            if (!Requests.isConflict(e)) {
                throw Requests.refused(e);
            }
        }
    }

    @Override
    public WriteResult writeSync(
            String leader, long epoch, Optional<SyncState> state, Expected expected, Duration timeout)
            throws DcsException {
        String key = ClusterKeys.SYNC;
        return lock.write(
                leader,
                epoch,
                key,
                there -> {
                    // Patroni writes an empty object where nobody is synchronous.
                    boolean empty =
                            there.flatMap(n -> ClusterJson.readSync(n.value())).isEmpty();
                    boolean holds = switch (expected) {
                        case Expected.Anything() -> true;
                        case Expected.Absent() -> empty;
                        case Expected.Revision(long revision) ->
                            there.map(Node::modified).orElse(0L) == revision;
                    };
                    if (!holds) {
                        return Optional.empty();
                    }
                    if (state.isPresent()) {
                        return Optional.of(keys.putTold(key, there, ClusterJson.writeSync(state)));
                    }
                    return Optional.of(there.map(n -> List.of(Op.delete(keys.of(key), n.version())))
                            .orElse(List.of()));
                },
                new Budget(timeout));
    }

    @Override
    public WriteResult writeFailsafe(String leader, long epoch, Map<String, String> apiUrls, Duration timeout)
            throws DcsException {
        return lock.write(
                leader,
                epoch,
                ClusterKeys.FAILSAFE,
                there -> Optional.of(keys.putTold(ClusterKeys.FAILSAFE, there, ClusterJson.writeFailsafe(apiUrls))),
                new Budget(timeout));
    }

    @Override
    public void deleteCluster(Duration timeout) throws DcsException {
        Budget budget = new Budget(timeout);
        for (int round = 0; round < MOST_ROUNDS; round++) {
            try {
                connections.once(budget, (requests, b) -> {
                    await(requests.sync(keys.base()), b);
                    List<Op> steps = new ArrayList<>();
                    // Refused if somebody has it.
                    steps.add(keys.create(ClusterKeys.LEADER, ""));
                    steps.add(Op.delete(keys.of(ClusterKeys.LEADER), 0));
                    List<String> below = new ArrayList<>();
                    collect(requests, keys.base(), below, b);
                    if (below.isEmpty()) {
                        return steps;
                    }
                    below.remove(keys.of(ClusterKeys.LEADER));
                    below.forEach(path -> steps.add(Op.delete(path, -1)));
                    return await(requests.multi(steps), b);
                });
                records.forget();
                return;
            } catch (KeeperException e) {
                if (e.code() == KeeperException.Code.NODEEXISTS) {
                    throw new DcsException(
                            "Somebody holds the leader lock; nothing was removed. Its server may take writes until"
                                    + " its session ends: stop it, and try again.",
                            e);
                }
                if (!Requests.isConflict(e)) {
                    throw Requests.refused(e);
                }
            }
        }
        throw new DcsException("the cluster's keys in ZooKeeper change faster than they can be removed");
    }

    /** Whatever is below comes before what is above it. */
    private static void collect(Requests requests, String path, List<String> all, Budget budget)
            throws KeeperException, DcsException {
        for (String name : await(requests.children(path), budget)) {
            collect(requests, path + "/" + name, all, budget);
            all.add(path + "/" + name);
        }
    }

    @Override
    public Optional<Duration> longestTtl() {
        return leases.longest();
    }

    @Override
    public String health() {
        return connections.contact().health("ZooKeeper");
    }

    @Override
    public List<Measure> measures() {
        return connections.contact().measures("zookeeper", "ZooKeeper");
    }

    @Override
    public void close() {
        watch.ifPresent(ExhibitorWatch::close);
        connections.close();
    }

    @Override
    protected Optional<String> shown(String key) {
        return Optional.ofNullable(lastRead.get(key)).map(Node::value);
    }

    @Override
    protected WriteResult write(String key, String value, Expected expected, Duration timeout) throws DcsException {
        Budget budget = new Budget(timeout);
        String path = keys.of(key);
        for (int round = 0; round < MOST_ROUNDS; round++) {
            Optional<Node> there;
            try {
                there = connections.repeat(budget, (requests, b) -> {
                    requests.sync(path);
                    return await(requests.get(path), b);
                });
            } catch (KeeperException e) {
                throw Requests.refused(e);
            }
            boolean holds = switch (expected) {
                case Expected.Anything() -> true;
                case Expected.Absent() -> there.isEmpty();
                case Expected.Revision(long revision) ->
                    there.map(Node::modified).orElse(0L) == revision;
            };
            if (!holds) {
                return new WriteResult.Conflict();
            }
            try {
                List<OpResult> results = connections.once(
                        budget, (requests, b) -> await(requests.multi(keys.putTold(key, there, value)), b));
                return new WriteResult.Written(
                        ((OpResult.SetDataResult) results.getLast()).getStat().getMzxid());
            } catch (KeeperException e) {
                if (!Requests.isConflict(e)) {
                    throw Requests.refused(e);
                }
                if (e.code() == KeeperException.Code.NONODE && there.isEmpty()) {
                    keys.makeParents(connections, budget);
                }
            }
        }
        throw new DcsException("the key " + key + " in ZooKeeper changes faster than it can be written");
    }
}
