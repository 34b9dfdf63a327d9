package dev.matriarch.etcd;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.json.ClusterKeys;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens to the changes of a cluster's keys on a thread of its own. Nothing depends on it but how soon a change is noticed:
 * every read asks etcd itself.
 */
final class EtcdWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EtcdWatch.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration OPEN = Duration.ofSeconds(5);
    private static final long PAUSE_MILLIS = 500;
    /** So long may an event be on its way after a read has shown it. */
    private static final long LATE_NANOS = 3_000_000_000L;

    private final EtcdApi api;
    private final String base;
    private final Consumer<Change> listener;
    private final Thread thread;
    private volatile boolean closed;
    private volatile InputStream open;
    private volatile long seen;
    private volatile long openedAt;
    private volatile long behindSince;

    EtcdWatch(EtcdApi api, String base, Consumer<Change> listener) {
        this(api, base, listener, 0);
    }

    /** @param heard the revision up to which all changes are known; 0: from now on */
    EtcdWatch(EtcdApi api, String base, Consumer<Change> listener, long heard) {
        this.seen = heard;
        this.api = api;
        this.base = base;
        this.listener = listener;
        this.thread = Thread.ofPlatform().name("etcd-watch").daemon().start(this::run);
        api.cluster().onFailure(this::restart);
    }

    /** A read has shown this revision of a key: a watch that goes on not to hear of it is dead. */
    void shown(long revision) {
        if (open == null || seen >= revision) {
            behindSince = 0;
        } else if (behindSince == 0) {
            behindSince = System.nanoTime();
        } else if (System.nanoTime() - behindSince > LATE_NANOS) {
            behindSince = 0;
            LOG.debug("the watch has not heard of revision {}: it is begun anew", revision);
            restart();
        }
    }

    /** Ends the present stream, if it is not a new one; the thread opens another. */
    private void restart() {
        InputStream stream = open;
        if (stream != null && System.nanoTime() - openedAt > PAUSE_MILLIS * 1_000_000) {
            try {
                stream.close();
            } catch (IOException e) {
                LOG.debug("closing a watch: {}", e.getMessage());
            }
        }
    }

    private void run() {
        boolean first = true;
        while (!closed) {
            try {
                listen(first);
            } catch (DcsException | IOException | RuntimeException e) {
                LOG.debug("the watch of {} ended: {}", base, e.toString());
            }
            open = null;
            first = false;
            try {
                Thread.sleep(PAUSE_MILLIS);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private void listen(boolean first) throws DcsException, IOException {
        ObjectNode wanted = Requests.rangeOfPrefix(base);
        if (seen > 0) {
            wanted.put("start_revision", Long.toString(seen + 1));
        }
        boolean blind = seen == 0 && !first;
        ObjectNode request = Requests.object();
        request.set("create_request", wanted);
        InputStream stream = api.stream(api.cluster().current(), "watch", request, new Budget(OPEN));
        openedAt = System.nanoTime();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
            open = stream;
            String line;
            while (!closed && (line = lines.readLine()) != null) {
                JsonNode message = JSON.readTree(line);
                JsonNode result = message.path("result");
                if (message.has("error")) {
                    api.forgetToken();
                    throw new DcsException("etcd ended the watch: " + message.path("error"));
                }
                if (result.path("compact_revision").asLong(0) > 0
                        || result.path("canceled").asBoolean(false)) {
                    // What lies between is lost: from now on, and everything is to be read again.
                    seen = 0;
                    throw new DcsException("etcd cancelled the watch: " + result);
                }
                if (result.path("created").asBoolean(false)) {
                    seen = Math.max(seen, Requests.revision(result));
                    if (blind) {
                        listener.accept(Change.RESYNC);
                    }
                }
                heard(result);
            }
        }
    }

    private void heard(JsonNode result) {
        Set<Change> changes = EnumSet.noneOf(Change.class);
        for (JsonNode event : result.path("events")) {
            String key = Requests.decoded(event.path("kv").path("key").asText(""));
            if (key.startsWith(base)) {
                ClusterKeys.changeOf(key.substring(base.length())).ifPresent(changes::add);
            }
        }
        if (!changes.isEmpty()) {
            seen = Math.max(seen, Requests.revision(result));
        }
        changes.forEach(listener);
    }

    /** etcd was made anew: its revisions begin again. */
    void begunAnew() {
        seen = 0;
        restart();
    }

    @Override
    public void close() {
        closed = true;
        openedAt = System.nanoTime() - PAUSE_MILLIS * 2_000_000;
        restart();
        thread.interrupt();
    }
}
