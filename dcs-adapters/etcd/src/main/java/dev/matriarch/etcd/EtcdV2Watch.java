package dev.matriarch.etcd;

import com.fasterxml.jackson.databind.JsonNode;
import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.etcd.EtcdV2Api.Answer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits for changes of a cluster's keys on a thread of its own, with requests that etcd answers when there is one. Nothing
 * depends on it but how soon a change is noticed: every read asks etcd itself.
 */
final class EtcdV2Watch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EtcdV2Watch.class);

    /** Then it is asked anew, so that a server which is silent for good is not listened to for ever. */
    private static final Duration WAIT = Duration.ofSeconds(10);

    private static final Duration PAUSE = Duration.ofMillis(500);

    private final EtcdV2Api api;
    private final String base;
    private final Consumer<Change> listener;
    private final Thread thread;
    private volatile boolean closed;
    private volatile CompletableFuture<Answer> waiting;
    private volatile long waitingSince;

    /** All changes up to this index are known; 0: it is not known yet which. */
    private volatile long heard;

    private volatile long generation;

    EtcdV2Watch(EtcdV2Api api, String base, Consumer<Change> listener) {
        this(api, base, listener, 0);
    }

    EtcdV2Watch(EtcdV2Api api, String base, Consumer<Change> listener, long heard) {
        this.api = api;
        this.base = base;
        this.listener = listener;
        this.heard = heard;
        this.thread = Thread.ofPlatform().name("etcd-watch").daemon().start(this::run);
        api.cluster().onFailure(this::askAnew);
    }

    /** Another server may be the one to ask now. A request that has just begun is left alone. */
    private void askAnew() {
        if (System.nanoTime() - waitingSince > PAUSE.toNanos()) {
            cancel();
        }
    }

    private void cancel() {
        CompletableFuture<Answer> open = waiting;
        if (open != null) {
            open.cancel(true);
        }
    }

    /** etcd was made anew: its indexes begin again. */
    void begunAnew() {
        synchronized (this) {
            generation++;
            heard = 0;
        }
        cancel();
    }

    private void run() {
        while (!closed) {
            try {
                listen();
            } catch (TimeoutException | CancellationException e) {
                cancel();
            } catch (DcsException | ExecutionException | RuntimeException e) {
                LOG.debug("the watch of {} ended: {}", base, e.toString());
                cancel();
                if (!pause()) {
                    return;
                }
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private static boolean pause() {
        try {
            Thread.sleep(PAUSE);
            return true;
        } catch (InterruptedException e) {
            return false;
        }
    }

    private void listen() throws DcsException, InterruptedException, ExecutionException, TimeoutException {
        long as = generation;
        long after = heard;
        AtomicLong begun = new AtomicLong(after);
        waitingSince = System.nanoTime();
        CompletableFuture<Answer> open = api.change(base, after == 0 ? 0 : after + 1, index -> {
            begun.set(index);
            if (after == 0) {
                heardUpTo(as, index);
                listener.accept(Change.RESYNC);
            }
        });
        waiting = open;
        Answer answer;
        try {
            answer = open.get(WAIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException | CancellationException e) {
            // What was changed before the waiting began would have been told at once.
            heardUpTo(as, begun.get());
            throw e;
        }
        if (answer.error() == EtcdV2Api.HISTORY_CLEARED) {
            // etcd keeps the last thousand changes of all its keys: what lies between is lost.
            heardUpTo(as, answer.index());
            listener.accept(Change.RESYNC);
            return;
        }
        if (!answer.done()) {
            throw new DcsException("etcd answered a watch with error " + answer.error());
        }
        heardUpTo(as, answer.node().path("modifiedIndex").asLong(0));
        change(answer.body()).ifPresent(listener);
    }

    private synchronized void heardUpTo(long as, long index) {
        if (generation == as) {
            heard = Math.max(heard, index);
        }
    }

    private Optional<Change> change(JsonNode event) {
        JsonNode node = event.path("node");
        String key = node.path("key").asText("");
        if (!key.startsWith(base) || node.path("dir").asBoolean(false)) {
            // A directory with all that is in it, perhaps.
            return Optional.of(Change.RESYNC);
        }
        String name = key.substring(base.length());
        return ClusterKeys.changeOf(name).filter(change -> !isRenewal(change, event));
    }

    /** The same once more, for its time to begin again. */
    private static boolean isRenewal(Change change, JsonNode event) {
        JsonNode before = event.path("prevNode");
        JsonNode now = event.path("node");
        boolean same = now.has("value") && now.path("value").equals(before.path("value"));
        return switch (change) {
            case MEMBERS -> same;
            case LEADER ->
                same
                        && now.path("createdIndex").asLong()
                                == before.path("createdIndex").asLong();
            case CONFIG, INITIALIZE, FAILOVER, SYNC, STATUS, HISTORY, FAILSAFE, RESYNC -> false;
        };
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
        cancel();
    }
}
