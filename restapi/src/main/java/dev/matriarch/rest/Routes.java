package dev.matriarch.rest;

import dev.matriarch.dcs.ClusterView;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.LongSupplier;

/** Which question gets which answer. Knows nothing of sockets. */
final class Routes implements Questions {
    private static final Set<String> READING = Set.of("GET", "HEAD", "OPTIONS");

    private final AgentView agent;
    private final Access access;
    private final LongSupplier nanoTime;
    private final StatusPage page;
    private final StandingHeaders headers;
    private volatile boolean showsPage = true;
    private final Working working = new Working();
    /** By the first segment of the path. Any other path is a health check. */
    private final TreeMap<String, Function<Request, Reply>> documents = new TreeMap<>();
    /** By method and first segment. */
    private final TreeMap<String, Function<Request, Reply>> orders = new TreeMap<>();

    Routes(AgentView agent, Access access, RestSettings.Headers headers, LongSupplier nanoTime) {
        this.agent = agent;
        this.access = access;
        this.headers = new StandingHeaders(headers);
        this.nanoTime = nanoTime;
        this.page = new StatusPage(agent, nanoTime);
        documents.put("/patroni", r -> new Reply(200, StatusDocument.bytes(agent.snapshot(), nanoTime.getAsLong())));
        documents.put("/cluster", r -> cluster());
        documents.put("/history", r -> history());
        documents.put("/config", r -> config());
        documents.put("/failsafe", r -> failsafe());
        documents.put("/metrics", r -> metrics());
        documents.put("/openapi", r -> new Reply(200, OpenApi.DOCUMENT));
        documents.put("/liveness", r -> health(r, "/liveness"));
        documents.put("/readiness", r -> health(r, "/readiness"));
        documents.put(StatusPage.PATH, r -> showsPage ? page.reply(r) : health(r, r.path()));
        Orders all = new Orders(agent, working);
        orders.put("PATCH /config", all::changeConfig);
        orders.put("PUT /config", all::changeConfig);
        orders.put("POST /reload", all::reload);
        orders.put("POST /sigterm", all::terminate);
        orders.put("POST /restart", all::restart);
        orders.put("DELETE /restart", all::cancelRestart);
        orders.put("POST /reinitialize", all::reinitialize);
        orders.put("POST /switchover", r -> all.switchover(r, false));
        orders.put("DELETE /switchover", all::cancelSwitchover);
        orders.put("POST /failover", r -> all.switchover(r, true));
        orders.put("POST /failsafe", all::failsafe);
        orders.put("POST /citus", all::groupEvent);
        orders.put("POST /mpp", all::groupEvent);
    }

    @Override
    public Working working() {
        return working;
    }

    Set<String> documentPaths() {
        return documents.keySet();
    }

    /** As {@code METHOD /path}. */
    Set<String> orderNames() {
        return orders.keySet();
    }

    /** From the next answer on. */
    void headers(RestSettings.Headers changed) {
        headers.set(changed);
    }

    /** Whether the status page is there, from the next answer on. */
    void showPage(boolean shown) {
        showsPage = shown;
    }

    StatusPage page() {
        return page;
    }

    @Override
    public boolean isStream(String method, String path) {
        return showsPage && method.equals("GET") && path.equals(StatusPage.STREAM);
    }

    @Override
    public Reply answer(Request request) {
        return withHeaders(request, bare(request));
    }

    @Override
    public Reply withHeaders(Request request, Reply reply) {
        return headers.on(request, reply);
    }

    private Reply bare(Request request) {
        if (READING.contains(request.method())) {
            Function<Request, Reply> document = documents.get(request.firstSegment());
            return document == null ? health(request, request.path()) : document.apply(request);
        }
        Function<Request, Reply> order = orders.get(request.method() + " " + request.firstSegment());
        if (order == null) {
            return Reply.error(
                    501,
                    "this agent does not answer " + request.method() + " on " + request.firstSegment() + "; it answers "
                            + String.join(", ", orders.keySet()) + ", and GET");
        }
        Optional<Reply> refusal = access.refusal(
                request.caller(),
                agent.snapshot().cluster().map(ClusterView::members).orElse(List.of()),
                // Members' addresses are of no use to a leader that asks because nobody reaches the store.
                !request.firstSegment().equals("/failsafe"));
        return refusal.orElseGet(() -> working.during(() -> order.apply(request)));
    }

    /** The clock is read after the snapshot: the lease may have run out since it was taken. */
    private Reply health(Request request, String path) {
        Snapshot snapshot = agent.snapshot();
        long now = nanoTime.getAsLong();
        int status = HealthCheck.status(path, request.query(), snapshot, now);
        return new Reply(status, StatusDocument.bytes(snapshot, now));
    }

    private Reply cluster() {
        Optional<ClusterView> cluster = view();
        return cluster.map(view -> new Reply(200, ClusterDocument.bytes(agent.snapshot(), view)))
                .orElseGet(() -> Reply.error(
                        503, "the store was not read within the last ttl; ask another member, or wait and ask again"));
    }

    private Optional<ClusterView> view() {
        return agent.cluster().or(() -> agent.snapshot().freshCluster(nanoTime.getAsLong()));
    }

    private Reply history() {
        Optional<ClusterView> view = agent.cluster().or(() -> agent.snapshot().cluster());
        return new Reply(200, ClusterDocument.historyBytes(view.flatMap(ClusterView::history)));
    }

    private Reply config() {
        Optional<ClusterView> view = agent.cluster().or(() -> agent.snapshot().cluster());
        return view.flatMap(ClusterView::config)
                .map(json -> new Reply(200, json.value().getBytes(StandardCharsets.UTF_8)))
                .orElseGet(() -> Reply.error(
                        502,
                        "the store holds no configuration, or was never reached; start the cluster first,"
                                + " then ask again"));
    }

    private Reply metrics() {
        return Metrics.reply(agent.snapshot(), agent.vitals(), nanoTime.getAsLong(), System.currentTimeMillis() / 1e3);
    }

    private Reply failsafe() {
        Snapshot.Failsafe failsafe = agent.snapshot().failsafe();
        if (!failsafe.enabled() || failsafe.listed().isEmpty()) {
            return Reply.error(
                    502,
                    failsafe.enabled()
                            ? "failsafe mode is enabled, but no leader has listed the members yet; ask again"
                            : "failsafe mode is not enabled; set failsafe_mode in the dynamic configuration");
        }
        return new Reply(200, Json.bytes(json -> {
            json.writeStartObject();
            for (var member : new TreeMap<>(failsafe.listed()).entrySet()) {
                json.writeStringField(member.getKey(), member.getValue());
            }
            json.writeEndObject();
        }));
    }
}
