package dev.matriarch.consul;

import com.fasterxml.jackson.databind.JsonNode;
import dev.matriarch.consul.ConsulApi.Again;
import dev.matriarch.consul.ConsulApi.Answer;
import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.json.ClusterKeys;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits for changes of a cluster's keys on a thread of its own, with requests that Consul answers when there are any. Nothing
 * depends on it but how soon a change is noticed: every read asks Consul itself.
 */
final class ConsulWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ConsulWatch.class);
    private static final Duration WAIT = Duration.ofSeconds(10);
    /** Consul adds up to a sixteenth to what it is asked to wait; the rest is for the way. */
    private static final Duration ANSWERED = Duration.ofSeconds(14);

    private static final Duration PAUSE = Duration.ofMillis(500);
    /** Another cluster's keys may wake it, if this one has none. */
    private static final Duration IDLE_PAUSE = Duration.ofMillis(100);

    private final ConsulApi api;
    private final String base;
    private final LongConsumer heard;
    private final Consumer<Change> listener;
    private final Thread thread;
    private volatile boolean closed;

    /** @param heard is told of the index that a change has, before the listener is */
    ConsulWatch(ConsulApi api, String base, LongConsumer heard, Consumer<Change> listener) {
        this.api = api;
        this.base = base;
        this.heard = heard;
        this.listener = listener;
        this.thread = Thread.ofPlatform().name("consul-watch").daemon().start(this::run);
    }

    private void run() {
        Map<String, Long> known = null;
        long index = 0;
        boolean blind = false;
        while (!closed) {
            try {
                Answer answer = api.call(
                        "GET",
                        "kv/" + ConsulApi.encoded(base) + "?recurse&index=" + index + "&wait=" + WAIT.toSeconds() + "s",
                        "",
                        Again.FORBIDDEN,
                        new Budget(ANSWERED));
                if (answer.index() == 0) {
                    throw new DcsException("what answers is no Consul");
                }
                Map<String, Long> now = new HashMap<>();
                for (JsonNode kv : answer.body()) {
                    now.put(
                            kv.path("Key").asText("").substring(base.length()),
                            kv.path("ModifyIndex").asLong());
                }
                boolean back = answer.index() < index;
                Set<Change> changes = known == null ? Set.of() : changed(known, now);
                known = now;
                // A Consul that was made anew counts from the beginning.
                index = back ? 0 : answer.index();
                heard.accept(index);
                if (blind || back) {
                    listener.accept(Change.RESYNC);
                }
                blind = false;
                changes.forEach(listener);
                if (changes.isEmpty()) {
                    Thread.sleep(IDLE_PAUSE);
                }
            } catch (DcsException | RuntimeException e) {
                LOG.debug("the watch of {} ended: {}", base, e.toString());
                blind = known != null;
                index = 0;
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

    private static Set<Change> changed(Map<String, Long> before, Map<String, Long> now) {
        Set<Change> changes = EnumSet.noneOf(Change.class);
        Set<String> keys = new HashSet<>(before.keySet());
        keys.addAll(now.keySet());
        for (String key : keys) {
            if (!java.util.Objects.equals(before.get(key), now.get(key))) {
                ClusterKeys.changeOf(key).ifPresent(changes::add);
            }
        }
        return changes;
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
    }
}
