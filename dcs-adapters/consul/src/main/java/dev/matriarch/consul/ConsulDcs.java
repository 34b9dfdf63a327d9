package dev.matriarch.consul;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.consul.ConsulApi.Again;
import dev.matriarch.consul.ConsulApi.Answer;
import dev.matriarch.consul.ConsulSettings.Consistency;
import dev.matriarch.consul.Txn.Entry;
import dev.matriarch.consul.Txn.Outcome;
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
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * {@link Dcs} on Consul's key-value store. Every write is conditioned on what it stands on, and whoever holds the lock reads
 * through the majority. The leader lock and a member's record have a session each, so that one can end without the other.
 */
public final class ConsulDcs extends KeyedDcs {
    /** A server that has not heard of Consul's leader for longer is not believed. */
    private static final Duration STALEST = Duration.ofSeconds(2);

    private record Touched(String json, String session, String time, long atNanos) {}

    private final ConsulApi api;
    private final ConsulSessions sessions;
    private final ConsulLock lock;
    private final ConsulService service;
    private final ConsulWatch watch;
    private final String base;
    private final Map<String, Touched> touched = new ConcurrentHashMap<>();
    private volatile Map<String, ClusterKeys.Stored> lastRead = Map.of();
    private volatile long lastIndex;

    /** @throws IOException if a certificate or key cannot be used. Whether Consul answers is seen by the first read. */
    public ConsulDcs(ConsulSettings settings) throws IOException {
        this.base = settings.base();
        this.api = new ConsulApi(settings);
        this.sessions = new ConsulSessions(api, settings);
        this.lock = new ConsulLock(api, sessions, base);
        this.service = new ConsulService(api, settings);
        this.watch = new ConsulWatch(api, base, this::heard, this::tell);
    }

    private synchronized void heard(long index) {
        lastIndex = Math.max(lastIndex, index);
    }

    /** Used from the next call on. */
    public void change(ConsulSettings.Changeable changed) {
        if (!changed.datacenter().equals(api.changeable().datacenter())) {
            touched.clear();
        }
        api.change(changed);
    }

    @Override
    public ClusterView read(Duration timeout) throws DcsException {
        Budget budget = new Budget(timeout);
        Consistency wanted = lock.holder().isEmpty() ? api.changeable().consistency() : Consistency.CONSISTENT;
        Answer answer = readOnce(wanted, budget);
        if (wanted != Consistency.CONSISTENT && isTooOld(answer)) {
            answer = readOnce(Consistency.CONSISTENT, budget);
        }
        if (answer.status() == 404 && !isEmpty(budget)) {
            answer = readOnce(Consistency.CONSISTENT, budget);
            if (answer.status() == 404) {
                throw new DcsException("Consul at " + api.address() + " shows no keys below " + base
                        + ", but has some: may the token read them?");
            }
        }
        Map<String, ClusterKeys.Stored> keys = new HashMap<>();
        Optional<Entry> leader = Optional.empty();
        Optional<Entry> status = Optional.empty();
        long latest = answer.index();
        for (JsonNode kv : answer.body()) {
            Entry entry = Txn.entry(kv);
            String key = entry.key().substring(base.length());
            keys.put(key, new ClusterKeys.Stored(entry.value(), entry.modified()));
            latest = Math.max(latest, entry.modified());
            switch (key) {
                case ClusterKeys.LEADER -> leader = Optional.of(entry);
                case ClusterKeys.STATUS -> status = Optional.of(entry);
                default -> {}
            }
        }
        lock.shown(leader, status);
        lastRead = keys;
        synchronized (this) {
            lastIndex = latest;
        }
        return ClusterKeys.view(latest, keys, leader.map(Entry::created).orElse(0L));
    }

    private Answer readOnce(Consistency consistency, Budget budget) throws DcsException {
        String how = switch (consistency) {
            case DEFAULT -> "";
            case CONSISTENT -> "&consistent";
            case STALE -> "&stale";
        };
        Answer answer = api.call("GET", "kv/" + ConsulApi.encoded(base) + "?recurse" + how, "", Again.ALLOWED, budget);
        if (answer.index() == 0 || answer.status() == 200 && !answer.body().isArray()) {
            throw new DcsException("What answers at " + api.address() + " is no Consul (" + answer.status()
                    + "): is that the address of a Consul agent's HTTP API?");
        }
        return answer;
    }

    private boolean isTooOld(Answer answer) {
        return answer.index() < lastIndex
                || !answer.leaderKnown()
                || answer.behind().compareTo(STALEST) > 0;
    }

    /** To whom may not read them, Consul shows no keys, without a word about it; this it refuses. */
    private boolean isEmpty(Budget budget) throws DcsException {
        return api.transaction(List.of(Txn.absent(base + ClusterKeys.LEADER)), Again.ALLOWED, budget)
                .done();
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
        Budget budget = new Budget(timeout);
        boolean anew = touchRecord(member, ttl, budget);
        service.update(member, ttl, anew, budget);
    }

    /** @return true if it needed another session than before */
    private boolean touchRecord(Member member, Duration ttl, Budget budget) throws DcsException {
        String json = ClusterJson.writeMember(member);
        String key = ClusterKeys.member(member.name());
        Touched last = touched.get(member.name());
        long now = System.nanoTime();
        if (last != null && last.time().equals(sessions.time(ttl))) {
            ClusterKeys.Stored shown = lastRead.get(key);
            boolean stands =
                    last.json().equals(json) && shown != null && shown.value().equals(json);
            if (stands && now - last.atNanos() < ttl.toNanos() / 3) {
                return false;
            }
            if (sessions.renew(last.session(), budget).isPresent()) {
                if (!stands) {
                    writeMember(key, json, last.session(), budget);
                }
                touched.put(member.name(), new Touched(json, last.session(), last.time(), now));
                return false;
            }
        }
        touched.remove(member.name());
        String session = sessions.forMember(ttl, budget);
        writeMember(key, json, session, budget);
        touched.put(member.name(), new Touched(json, session, sessions.time(ttl), now));
        return last != null;
    }

    private void writeMember(String key, String json, String session, Budget budget) throws DcsException {
        ObjectNode write = Txn.lock(base + key, json, 0, session);
        if (api.transaction(List.of(write), Again.ALLOWED, budget).done()) {
            return;
        }
        // An earlier session has it.
        Outcome outcome = api.transaction(List.of(Txn.delete(base + key), write), Again.ALLOWED, budget);
        if (!outcome.done()) {
            throw new DcsException("Consul does not take the member's record: " + outcome.why());
        }
    }

    @Override
    public void deleteInitialize(Duration timeout) throws DcsException {
        ClusterKeys.Stored shown = lastRead.get(ClusterKeys.INITIALIZE);
        if (shown != null && shown.value().isEmpty()) {
            api.transaction(
                    List.of(Txn.deleteIf(base + ClusterKeys.INITIALIZE, shown.revision())),
                    Again.ALLOWED,
                    new Budget(timeout));
        }
    }

    @Override
    public WriteResult writeSync(
            String leader, long epoch, Optional<SyncState> state, Expected expected, Duration timeout)
            throws DcsException {
        String key = base + ClusterKeys.SYNC;
        List<ObjectNode> steps = new ArrayList<>();
        if (state.isPresent()) {
            steps.add(conditioned(key, ClusterJson.writeSync(state), expected));
        } else {
            switch (expected) {
                case Expected.Anything() -> {}
                case Expected.Absent() -> steps.add(Txn.absent(key));
                case Expected.Revision(long revision) -> steps.add(Txn.unchanged(key, revision));
            }
            steps.add(Txn.delete(key));
        }
        return lock.write(leader, epoch, steps, new Budget(timeout));
    }

    @Override
    public WriteResult writeFailsafe(String leader, long epoch, Map<String, String> apiUrls, Duration timeout)
            throws DcsException {
        return lock.write(
                leader,
                epoch,
                List.of(Txn.set(base + ClusterKeys.FAILSAFE, ClusterJson.writeFailsafe(apiUrls))),
                new Budget(timeout));
    }

    @Override
    public void deleteCluster(Duration timeout) throws DcsException {
        Outcome outcome = api.transaction(
                List.of(Txn.absent(base + ClusterKeys.LEADER), Txn.deleteTree(base)),
                Again.ALLOWED,
                new Budget(timeout));
        if (!outcome.done()) {
            throw isHeld("session");
        }
        touched.clear();
    }

    @Override
    public String health() {
        return api.contact().health("Consul at " + api.address());
    }

    @Override
    public List<Measure> measures() {
        return api.contact().measures("consul", "Consul");
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
        Outcome outcome = api.transaction(
                List.of(conditioned(base + key, value, expected)),
                expected instanceof Expected.Anything ? Again.ALLOWED : Again.FORBIDDEN,
                new Budget(timeout));
        if (!outcome.done()) {
            return new WriteResult.Conflict();
        }
        long index = outcome.entries().getFirst().modified();
        heard(index);
        return new WriteResult.Written(index);
    }

    private static ObjectNode conditioned(String key, String value, Expected expected) {
        return switch (expected) {
            case Expected.Anything() -> Txn.set(key, value);
            case Expected.Absent() -> Txn.compareAndSet(key, 0, value, 0);
            // Another number each time: a claim that is made anew is another claim, though its value is the same.
            case Expected.Revision(long revision) -> Txn.compareAndSet(key, revision, value, revision);
        };
    }
}
