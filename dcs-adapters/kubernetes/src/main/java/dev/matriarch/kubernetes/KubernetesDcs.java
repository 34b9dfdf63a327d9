package dev.matriarch.kubernetes;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Measure;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.kubernetes.KubeObjects.Extra;
import dev.matriarch.kubernetes.KubeObjects.Listed;
import dev.matriarch.kubernetes.KubernetesApi.Forbidden;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@link Dcs} on Kubernetes: the keys are annotations of ConfigMaps or Endpoints and of the members' pods, as Patroni has them. Every
 * read of the cluster's objects goes through the majority of the store behind the API server, every write of them is conditioned on the
 * version that it stands on; the members' records are as the API server remembers them. Kubernetes ends no lock: each member judges by its own clock.
 */
public final class KubernetesDcs implements Dcs {
    private static final Logger LOG = LoggerFactory.getLogger(KubernetesDcs.class);
    static final String CONFIG = "config";
    static final String INITIALIZE = "initialize";
    /**
     * Beside an empty {@link #INITIALIZE}: the epoch of the lease in which the right to create was claimed. A claim that is made
     * anew would else be the same object in the same version.
     */
    private static final String CLAIMED_IN = "matriarch.dev/claimed-in";

    static final String HISTORY = "history";

    private static final int MOST_ROUNDS = 4;
    /** For what is asked beside what a call is about, whose time is not to go into it. */
    private static final Duration ASIDE = Duration.ofSeconds(1);

    private final KubernetesSettings settings;
    private final KubernetesApi api;
    private final KubeObjects objects;
    private final Pods pods;
    private final KubernetesLock lock;
    private final KubernetesWatch watch;
    private final Optional<Bypass> bypass;
    private final List<Consumer<Change>> listeners = new CopyOnWriteArrayList<>();
    private final Set<String> served = ConcurrentHashMap.newKeySet();
    private volatile Map<String, ClusterKeys.Stored> lastRead = Map.of();

    /** @throws IOException if a certificate, token or file cannot be used. Whether Kubernetes answers is seen by the first read. */
    public KubernetesDcs(KubernetesSettings settings) throws IOException {
        this(settings, KubernetesWatch.PATIENCE);
    }

    /** @param patience how late a watch may tell of what was read */
    KubernetesDcs(KubernetesSettings settings, Duration patience) throws IOException {
        this.settings = settings;
        this.api = new KubernetesApi(Connection.client(settings.access()), settings.retriableCodes());
        this.objects =
                new KubeObjects(api, settings.namespace(), settings.kind(), settings.kindName(), settings.allLabels());
        this.pods = new Pods(settings, new KubeObjects(api, settings.namespace(), "pods", "Pod", settings.allLabels()));
        this.lock = new KubernetesLock(settings, objects, budget -> pods.own(budget.part(ASIDE)));
        this.bypass = settings.bypassService() ? Optional.of(new Bypass(api, Bypass.FRESH)) : Optional.empty();
        this.watch = new KubernetesWatch(
                settings, api.client(), lock, patience, change -> listeners.forEach(l -> l.accept(change)));
    }

    @Override
    public ClusterView read(Duration timeout) throws DcsException {
        Budget budget = new Budget(timeout);
        if (bypass.isPresent()) {
            bypass.get().look(budget);
        }
        Listed listed = objects.list(budget);
        Sighting sighting = lock.shown(listed, budget);
        Map<String, ClusterKeys.Stored> keys = new HashMap<>();
        listed.get(settings.configName()).ifPresent(config -> {
            for (String key : List.of(CONFIG, INITIALIZE, HISTORY)) {
                config.annotation(key).ifPresent(v -> keys.put(key, new ClusterKeys.Stored(v, revision(key, config))));
            }
        });
        listed.get(settings.failoverName())
                .ifPresent(o -> keys.put(
                        ClusterKeys.FAILOVER,
                        new ClusterKeys.Stored(
                                Values.gathered(o, Values.FAILOVER).orElse("{}"), o.version())));
        listed.get(settings.syncName())
                .ifPresent(o -> Values.gathered(o, Values.SYNC)
                        .ifPresent(v -> keys.put(ClusterKeys.SYNC, new ClusterKeys.Stored(v, o.version()))));
        listed.get(settings.leaderName()).ifPresent(o -> {
            Values.gathered(o, Values.STATUS)
                    .ifPresent(v -> keys.put(ClusterKeys.STATUS, new ClusterKeys.Stored(v, o.version())));
            o.annotation(Values.FAILSAFE)
                    .ifPresent(v -> keys.put(ClusterKeys.FAILSAFE, new ClusterKeys.Stored(v, o.version())));
        });
        String holder = sighting.holder(System.nanoTime());
        if (!holder.isEmpty()) {
            keys.put(ClusterKeys.LEADER, new ClusterKeys.Stored(holder, sighting.version()));
        }
        watch.shown(listed, pods.read(keys, budget));
        lastRead = keys;
        return ClusterKeys.view(listed.version(), keys, sighting.epoch());
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
        return lock.renew(member, epoch, ttl, status, new Budget(timeout));
    }

    @Override
    public boolean releaseLeader(String member, long epoch, Optional<ClusterStatus> status, Duration timeout)
            throws DcsException {
        return lock.release(member, epoch, status, new Budget(timeout));
    }

    @Override
    public void touchMember(Member member, Duration ttl, Duration timeout) throws DcsException {
        pods.touch(member, lock.holder().equals(member.name()), ttl, new Budget(timeout));
    }

    @Override
    public WriteResult writeInitialize(String systemIdentifier, Expected expected, Duration timeout)
            throws DcsException {
        Sighting seen = lock.sighting();
        boolean claim = systemIdentifier.isEmpty()
                && seen.epoch() > 0
                && !seen.holder(System.nanoTime()).isEmpty();
        WriteResult result = write(
                INITIALIZE,
                Map.of(
                        INITIALIZE,
                        Optional.of(systemIdentifier),
                        CLAIMED_IN,
                        claim ? Optional.of(Long.toString(seen.epoch())) : Optional.empty()),
                expected,
                timeout);
        return claim && result instanceof WriteResult.Written ? new WriteResult.Written(seen.epoch()) : result;
    }

    /** Of a claim the epoch of its lease, else the object's version. */
    private static long revision(String key, KubeObject config) {
        return key.equals(INITIALIZE) && config.annotation(INITIALIZE).equals(Optional.of(""))
                ? claimedIn(config).orElse(config.version())
                : config.version();
    }

    private static Optional<Long> claimedIn(KubeObject config) {
        return config.annotation(CLAIMED_IN)
                .filter(t -> t.matches("[0-9]{1,18}"))
                .map(Long::valueOf);
    }

    @Override
    public void deleteInitialize(Duration timeout) throws DcsException {
        ClusterKeys.Stored shown = lastRead.get(INITIALIZE);
        if (shown != null && shown.value().isEmpty()) {
            change(
                    settings.configName(),
                    o -> o.flatMap(c -> c.annotation(INITIALIZE)).equals(Optional.of(""))
                            && o.flatMap(KubernetesDcs::claimedIn)
                                    .map(c -> c == shown.revision())
                                    .orElse(true),
                    Map.of(INITIALIZE, Optional.empty(), CLAIMED_IN, Optional.empty()),
                    new Budget(timeout));
        }
    }

    @Override
    public WriteResult writeConfig(String json, Expected expected, Duration timeout) throws DcsException {
        return write(CONFIG, Map.of(CONFIG, Optional.of(json)), expected, timeout);
    }

    @Override
    public WriteResult writeFailover(Optional<FailoverRequest> request, Expected expected, Duration timeout)
            throws DcsException {
        return change(
                settings.failoverName(),
                o -> switch (expected) {
                    case Expected.Anything() -> true;
                    case Expected.Absent() -> o.isEmpty();
                    case Expected.Revision(long revision) -> isAt(o, revision);
                },
                Values.failover(request),
                new Budget(timeout));
    }

    @Override
    public WriteResult writeSync(
            String leader, long epoch, Optional<SyncState> state, Expected expected, Duration timeout)
            throws DcsException {
        Budget budget = new Budget(timeout);
        WriteResult result = lock.writeSync(leader, epoch, Values.sync(state), expected, budget);
        keep(settings.syncName(), budget);
        return result;
    }

    @Override
    public void writeHistory(TimelineHistory history, Duration timeout) throws DcsException {
        String json = ClusterJson.writeHistory(history);
        ClusterKeys.Stored shown = lastRead.get(HISTORY);
        if (shown == null || !shown.value().equals(json)) {
            write(HISTORY, Map.of(HISTORY, Optional.of(json)), Expected.anything(), timeout);
        }
    }

    @Override
    public WriteResult writeFailsafe(String leader, long epoch, Map<String, String> apiUrls, Duration timeout)
            throws DcsException {
        return lock.write(
                leader,
                epoch,
                Map.of(Values.FAILSAFE, Optional.of(ClusterJson.writeFailsafe(apiUrls))),
                new Budget(timeout));
    }

    @Override
    public void deleteCluster(Duration timeout) throws DcsException {
        Budget budget = new Budget(timeout);
        Listed listed = objects.list(budget);
        Sighting sighting = lock.shown(listed, budget);
        Optional<KubeObject> leader = listed.get(settings.leaderName());
        boolean free = sighting.isOver(System.nanoTime());
        if (!free || leader.isPresent() && !objects.remove(leader.get(), budget)) {
            throw new DcsException(
                    "Somebody holds the leader lock; nothing was removed. Its server may take writes until"
                            + " its lease ends: stop it, and try again.");
        }
        for (String name : List.of(settings.failoverName(), settings.syncName(), settings.configName())) {
            Optional<KubeObject> object = objects.get(name, budget);
            for (int round = 0; object.isPresent() && !objects.remove(object.get(), budget); round++) {
                if (round == MOST_ROUNDS) {
                    throw new DcsException("Object " + name + " changes faster than it can be removed; try again.");
                }
                object = objects.get(name, budget);
            }
        }
        pods.forget();
    }

    @Override
    public void onChange(Consumer<Change> listener) {
        listeners.add(listener);
    }

    @Override
    public String health() {
        return api.contact().health("Kubernetes at " + api.address());
    }

    @Override
    public List<Measure> measures() {
        return api.contact().measures("kubernetes", "the API server");
    }

    @Override
    public void close() {
        watch.close();
        api.close();
    }

    /** Writes one annotation of the config object. Its version counts the changes of the other two as well. */
    private WriteResult write(
            String key, Map<String, Optional<String>> annotations, Expected expected, Duration timeout)
            throws DcsException {
        Budget budget = new Budget(timeout);
        ClusterKeys.Stored shown = lastRead.get(key);
        WriteResult result = change(
                settings.configName(),
                o -> switch (expected) {
                    case Expected.Anything() -> true;
                    case Expected.Absent() -> o.flatMap(c -> c.annotation(key)).isEmpty();
                    case Expected.Revision(long revision) ->
                        o.map(c -> revision(key, c) == revision || isSame(key, c, shown, revision))
                                .orElse(false);
                },
                annotations,
                budget);
        keep(settings.configName(), budget);
        return result;
    }

    /** Whether only other annotations have changed since it was shown. One claim looks like another, unless it says which it is. */
    private static boolean isSame(String key, KubeObject config, ClusterKeys.Stored shown, long revision) {
        return shown != null
                && shown.revision() == revision
                && config.annotation(key).equals(Optional.of(shown.value()))
                && !(key.equals(INITIALIZE)
                        && shown.value().isEmpty()
                        && claimedIn(config).isPresent());
    }

    private static boolean isAt(Optional<KubeObject> object, long revision) {
        return object.map(o -> o.version() == revision).orElse(false);
    }

    private WriteResult change(
            String name,
            Predicate<Optional<KubeObject>> expected,
            Map<String, Optional<String>> annotations,
            Budget budget)
            throws DcsException {
        for (int round = 0; round < MOST_ROUNDS; round++) {
            Optional<KubeObject> was = objects.get(name, budget);
            if (!expected.test(was)) {
                return new WriteResult.Conflict();
            }
            Optional<KubeObject> done = objects.change(name, was, annotations, Extra.NONE, Forbidden.AT_ONCE, budget);
            if (done.isPresent()) {
                return new WriteResult.Written(done.get().version());
            }
        }
        return new WriteResult.Conflict();
    }

    /** Endpoints without a service of their name are taken away when Kubernetes' controllers start: this gives them one. */
    private void keep(String name, Budget budget) {
        if (settings.endpoints().isEmpty() || !served.add(name) || budget.isSpent()) {
            return;
        }
        ObjectNode service = JsonNodeFactory.instance.objectNode();
        service.put("apiVersion", "v1").put("kind", "Service");
        ObjectNode labels = service.putObject("metadata").put("name", name).putObject("labels");
        settings.allLabels().forEach(labels::put);
        service.putObject("spec").put("clusterIP", "None");
        try {
            api.post(
                    "/api/v1/namespaces/" + KubeObjects.encoded(settings.namespace()) + "/services",
                    service,
                    Forbidden.AT_ONCE,
                    budget.part(ASIDE));
        } catch (Refusal e) {
            if (e.code() != Refusal.CONFLICT) {
                LOG.warn(
                        "The service {} cannot be made: without it Kubernetes may take the Endpoints of that name away. Grant the right"
                                + " to create services, or create it headless: {}",
                        name,
                        e.getMessage());
            }
        } catch (DcsException e) {
            served.remove(name);
        }
    }
}
