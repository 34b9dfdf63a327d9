package dev.matriarch.kubernetes;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.matriarch.dcs.Change;
import dev.matriarch.kubernetes.KubeObjects.Listed;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.Watch;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens to the changes of a cluster's objects and pods, and for the end of the lock, which nobody announces. Nothing
 * depends on it but how soon a change is noticed, and how late a lock that was renewed may end.
 */
final class KubernetesWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(KubernetesWatch.class);
    private static final long PAUSE_MILLIS = 500;
    /** Each attempt is a request or two, and of each member. */
    private static final long LONGEST_PAUSE_MILLIS = 8_000;

    private static final long LOOK_MILLIS = 100;
    /** For the end of the lock, and for each kind, whose opening may take seconds. */
    private static final int THREADS = 3;
    /** Events usually come within milliseconds. */
    static final Duration PATIENCE = Duration.ofSeconds(15);

    private final KubernetesSettings settings;
    private final KubernetesClient client;
    private final KubernetesLock lock;
    private final Consumer<Change> listener;
    private final ScheduledExecutorService threads;
    private final OneKind objects;
    private final OneKind pods;
    private volatile boolean closed;
    private Sighting announced = Sighting.NOTHING;

    KubernetesWatch(
            KubernetesSettings settings,
            KubernetesClient client,
            KubernetesLock lock,
            Duration patience,
            Consumer<Change> listener) {
        this.settings = settings;
        this.client = client;
        this.lock = lock;
        this.listener = listener;
        this.threads = Executors.newScheduledThreadPool(
                THREADS,
                Thread.ofPlatform().name("kubernetes-watch-", 0).daemon().factory());
        this.objects = new OneKind(settings.kindName(), settings.kind(), patience);
        this.pods = new OneKind("Pod", "pods", patience);
        objects.openLater(0, 0);
        pods.openLater(0, 0);
        threads.scheduleWithFixedDelay(this::look, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** A read has just shown these. */
    void shown(Listed listedObjects, Listed listedPods) {
        objects.hearing.shown(listedObjects.newest(), System.nanoTime());
        pods.hearing.shown(listedPods.newest(), System.nanoTime());
    }

    private void look() {
        lookForTheEnd();
        objects.openIfDeaf();
        pods.openIfDeaf();
    }

    private void later(Runnable step, long millis) {
        try {
            threads.schedule(
                    () -> {
                        try {
                            step.run();
                        } catch (RuntimeException e) {
                            LOG.debug("the watch failed: {}", e.toString());
                        }
                    },
                    millis,
                    TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            LOG.debug("the watch is closed");
        }
    }

    /** Says once of each lock that nobody renewed that it is over. */
    private void lookForTheEnd() {
        Sighting now = lock.sighting();
        boolean over = (now.vanished() || !now.written().isEmpty()) && now.isOver(System.nanoTime());
        if (over && now.sinceNanos() != announced.sinceNanos()) {
            announced = now;
            tell(EnumSet.of(Change.LEADER));
        }
    }

    private void tell(Set<Change> changes) {
        for (Change change : changes) {
            try {
                listener.accept(change);
            } catch (RuntimeException e) {
                LOG.warn("A listener of changes failed", e);
            }
        }
    }

    /** The watch of one kind of objects. */
    private final class OneKind {
        private final ResourceDefinitionContext context;
        private final boolean isPods;
        private final Map<String, Map<String, String>> known = new HashMap<>();
        private final Hearing hearing;
        private Watch open;
        /** Counts the openings: what an earlier watch still says is of no interest. */
        private int turn;

        /** Between the end of a watch and the opening of the next. */
        private volatile boolean blind = true;

        private volatile boolean began;
        private volatile boolean complained;
        private volatile long pauseMillis = PAUSE_MILLIS;

        OneKind(String kind, String plural, Duration patience) {
            this.hearing = new Hearing(patience);
            this.context = new ResourceDefinitionContext.Builder()
                    .withVersion("v1")
                    .withKind(kind)
                    .withPlural(plural)
                    .withNamespaced(true)
                    .build();
            this.isPods = plural.equals("pods");
        }

        private void openLater(int after, long millis) {
            later(() -> open(after), millis);
        }

        private synchronized boolean isTurn(int which) {
            return turn == which;
        }

        private void openIfDeaf() {
            if (!blind && hearing.isDeaf(System.nanoTime())) {
                LOG.info(
                        "The watch of {} did not tell of what was read long ago: it is begun anew",
                        context.getPlural());
                blind = true;
                int after;
                synchronized (this) {
                    after = turn;
                }
                openLater(after, 0);
            }
        }

        /** @param after which opening this one follows; nothing is done if another one did already */
        private void open(int after) {
            Watch old;
            int mine;
            synchronized (this) {
                if (closed || turn != after) {
                    return;
                }
                mine = ++turn;
                old = open;
                open = null;
            }
            hearing.begins();
            try {
                if (old != null) {
                    old.close();
                }
                // Without a version it begins with all that there is.
                Watch begun = client.genericKubernetesResources(context)
                        .inNamespace(settings.namespace())
                        .withLabels(settings.allLabels())
                        .watch(new Listening(this, mine));
                synchronized (this) {
                    if (!closed && turn == mine) {
                        open = begun;
                    }
                }
                if (closed || !isTurn(mine)) {
                    begun.close();
                }
                boolean again = began;
                began = true;
                complained = false;
                pauseMillis = PAUSE_MILLIS;
                if (isTurn(mine)) {
                    blind = false;
                }
                if (again) {
                    tell(EnumSet.of(Change.RESYNC));
                }
            } catch (RuntimeException e) {
                LOG.debug("the watch of {} cannot be opened: {}", context.getPlural(), e.toString());
                if (e instanceof KubernetesClientException refused
                        && refused.getCode() == Refusal.FORBIDDEN
                        && !complained) {
                    complained = true;
                    LOG.warn(
                            "The right to watch {} is missing: changes are noticed late, at the next heartbeat. Grant the verb watch",
                            context.getPlural());
                }
                began = true;
                openLater(mine, pauseMillis);
                pauseMillis = Math.min(2 * pauseMillis, LONGEST_PAUSE_MILLIS);
            }
        }

        private void received(Watcher.Action action, GenericKubernetesResource resource) {
            ObjectMeta metadata = resource == null ? null : resource.getMetadata();
            if (metadata == null
                    || metadata.getName() == null
                    || action == Watcher.Action.BOOKMARK
                    || action == Watcher.Action.ERROR) {
                return;
            }
            heardOf(metadata);
            Map<String, String> now = new HashMap<>();
            if (action != Watcher.Action.DELETED && metadata.getAnnotations() != null) {
                now.putAll(metadata.getAnnotations());
                now.values().removeIf(Objects::isNull);
            }
            Map<String, String> before;
            synchronized (this) {
                before = action == Watcher.Action.DELETED
                        ? known.remove(metadata.getName())
                        : known.put(metadata.getName(), now);
            }
            if (!isPods && metadata.getName().equals(settings.leaderName()) && action != Watcher.Action.DELETED) {
                heardOfTheLock(metadata, now);
            }
            if (before == null) {
                // What there was already is read anyway.
                before = Map.of();
            }
            tell(changes(metadata.getName(), before, now));
        }

        private void heardOf(ObjectMeta metadata) {
            try {
                hearing.heard(Long.parseLong(metadata.getResourceVersion()));
            } catch (NumberFormatException e) {
                LOG.debug("an event without a version: {}", metadata.getName());
            }
        }

        private void heardOfTheLock(ObjectMeta metadata, Map<String, String> annotations) {
            try {
                lock.heard(new KubeObject(
                        metadata.getName(),
                        Long.parseLong(metadata.getResourceVersion()),
                        annotations,
                        Map.of(),
                        JsonNodeFactory.instance.objectNode()));
            } catch (NumberFormatException e) {
                LOG.debug("an event without a version: {}", metadata.getName());
            }
        }

        private Set<Change> changes(String name, Map<String, String> before, Map<String, String> now) {
            Set<Change> changes = EnumSet.noneOf(Change.class);
            if (isPods) {
                add(changes, Change.MEMBERS, before, now, List.of(Pods.STATUS));
            } else if (name.equals(settings.leaderName())) {
                add(changes, Change.LEADER, before, now, List.of(Sighting.LEADER, Sighting.ACQUIRED));
                add(changes, Change.STATUS, before, now, Values.STATUS);
                add(changes, Change.FAILSAFE, before, now, List.of(Values.FAILSAFE));
            } else if (name.equals(settings.configName())) {
                add(changes, Change.CONFIG, before, now, List.of(KubernetesDcs.CONFIG));
                add(changes, Change.INITIALIZE, before, now, List.of(KubernetesDcs.INITIALIZE));
                add(changes, Change.HISTORY, before, now, List.of(KubernetesDcs.HISTORY));
            } else if (name.equals(settings.failoverName())) {
                add(changes, Change.FAILOVER, before, now, Values.FAILOVER);
            } else if (name.equals(settings.syncName())) {
                add(changes, Change.SYNC, before, now, Values.SYNC);
            }
            return changes;
        }

        private static void add(
                Set<Change> changes,
                Change change,
                Map<String, String> before,
                Map<String, String> now,
                List<String> keys) {
            for (String key : keys) {
                if (!Objects.equals(before.get(key), now.get(key))) {
                    changes.add(change);
                }
            }
        }

        private void ended(int which, WatcherException cause) {
            // Such as 410: what lies between was forgotten by the API server.
            LOG.debug("the watch of {} ended: {}", context.getPlural(), cause.toString());
            if (isTurn(which)) {
                blind = true;
                openLater(which, PAUSE_MILLIS);
            }
        }

        private void close() {
            Watch watch;
            synchronized (this) {
                watch = open;
            }
            if (watch != null) {
                watch.close();
            }
        }
    }

    /** One opening of a watch. */
    private record Listening(OneKind kind, int turn) implements Watcher<GenericKubernetesResource> {
        @Override
        public void eventReceived(Action action, GenericKubernetesResource resource) {
            if (kind.isTurn(turn)) {
                kind.received(action, resource);
            }
        }

        @Override
        public void onClose(WatcherException cause) {
            kind.ended(turn, cause);
        }
    }

    @Override
    public void close() {
        closed = true;
        threads.shutdownNow();
        objects.close();
        pods.close();
    }
}
