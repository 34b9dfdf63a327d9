package dev.matriarch.rest;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.rest.StoreView.Copy;
import dev.matriarch.rest.StoreView.Fresh;
import dev.matriarch.rest.StoreView.Stale;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * What a node answers that follows the store and has no PostgreSQL: documents out of its copy for as long as that is in touch with the
 * Raft leader, and no to everybody who looks for a server.
 */
final class StoreRoutes implements Questions {
    /** Seconds since the Raft leader was heard. */
    static final String AGE = "Matriarch-Store-Age";

    private static final Set<String> READING = Set.of("GET", "HEAD", "OPTIONS");

    private final StoreView store;
    private final StandingHeaders headers;
    private final Working working = new Working();
    private final TreeMap<String, Function<Copy, Reply>> documents = new TreeMap<>();

    StoreRoutes(StoreView store, StandingHeaders headers) {
        this.store = store;
        this.headers = headers;
        documents.put("/patroni", copy -> new Reply(200, status(copy)));
        documents.put("/liveness", copy -> new Reply(200, status(copy)));
        documents.put("/readiness", copy -> new Reply(copy instanceof Fresh ? 200 : 503, status(copy)));
        documents.put("/metrics", this::metrics);
        documents.put(
                "/cluster", copy -> ifFresh(copy, f -> new Reply(200, ClusterDocument.bytes(frame(f), f.cluster()))));
        documents.put(
                "/history",
                copy -> ifFresh(
                        copy,
                        f -> new Reply(
                                200, ClusterDocument.historyBytes(f.cluster().history()))));
        documents.put("/config", copy -> ifFresh(copy, StoreRoutes::config));
    }

    @Override
    public Reply answer(Request request) {
        return headers.on(request, bare(request));
    }

    @Override
    public Reply withHeaders(Request request, Reply reply) {
        return headers.on(request, reply);
    }

    @Override
    public boolean isStream(String method, String path) {
        return false;
    }

    @Override
    public Working working() {
        return working;
    }

    private Reply bare(Request request) {
        if (!READING.contains(request.method())) {
            return Reply.error(
                    501,
                    "this is a listener, which only reads; " + request.method() + " goes to a member of the cluster");
        }
        Copy copy = store.copy();
        // Whoever asks for a server is told no: there is none here, whatever the copy says of the others.
        Reply reply = documents
                .getOrDefault(request.firstSegment(), c -> new Reply(503, status(c)))
                .apply(copy);
        return copy.heardMillis().isPresent()
                ? reply.with(
                        AGE,
                        String.format(Locale.ROOT, "%.3f", copy.heardMillis().getAsLong() / 1e3))
                : reply;
    }

    private static Reply ifFresh(Copy copy, Function<Fresh, Reply> answer) {
        return switch (copy) {
            case Fresh fresh -> answer.apply(fresh);
            case Stale stale ->
                Reply.error(
                        503,
                        "this listener's copy of the store is out of date: " + stale.why(),
                        "ask a member, or wait and ask again");
        };
    }

    private ClusterDocument.Frame frame(Fresh copy) {
        return new ClusterDocument.Frame(store.scope(), copy.paused(), copy.standbyCluster(), copy.synchronousMode());
    }

    private static Reply config(Fresh copy) {
        return copy.cluster()
                .config()
                .map(json -> new Reply(200, json.value().getBytes(StandardCharsets.UTF_8)))
                .orElseGet(() -> Reply.error(502, "the store holds no configuration; start the cluster first"));
    }

    private byte[] status(Copy copy) {
        return Json.bytes(json -> {
            json.writeStartObject();
            json.writeStringField("state", copy instanceof Fresh ? "listening" : "out of touch");
            json.writeStringField("role", "listener");
            switch (copy) {
                case Fresh fresh -> {
                    if (fresh.cluster().isUnlocked()) {
                        json.writeBooleanField("cluster_unlocked", true);
                    }
                    if (fresh.paused()) {
                        json.writeBooleanField("pause", true);
                    }
                }
                case Stale stale -> json.writeStringField("reason", stale.why());
            }
            json.writeObjectFieldStart("patroni");
            json.writeStringField("version", store.version());
            json.writeStringField("scope", store.scope());
            json.writeStringField("name", store.name());
            json.writeEndObject();
            json.writeEndObject();
        });
    }

    /** What the store says of the cluster, and of itself; nothing about a server. */
    private Reply metrics(Copy copy) {
        Metrics.OfStore metrics = new Metrics.OfStore(store.scope(), store.name());
        boolean locked = copy instanceof Fresh fresh && !fresh.cluster().isUnlocked();
        metrics.add(
                "patroni_cluster_unlocked",
                "1 if nobody holds the lock, or the store is out of reach.",
                locked ? 0 : 1);
        metrics.add(
                "patroni_is_paused",
                "1 if the cluster is paused.",
                copy instanceof Fresh fresh && fresh.paused() ? 1 : 0);
        metrics.add(
                "matriarch_listener_members",
                "Members of the cluster in this listener's copy; 0 while that is out of date.",
                copy instanceof Fresh fresh ? members(fresh.cluster()) : 0);
        metrics.add(store.measures());
        return new Reply(200, Metrics.CONTENT_TYPE, metrics.text(), Map.of());
    }

    private static int members(ClusterView cluster) {
        return cluster.members().size();
    }
}
