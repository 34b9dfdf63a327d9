package dev.matriarch.rest;

import dev.matriarch.dcs.ClusterView;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.function.LongSupplier;

/** Which question gets which answer. Knows nothing of sockets. */
final class Routes {
    private final AgentView agent;
    private final Access access;
    private final LongSupplier nanoTime;

    Routes(AgentView agent, Access access, LongSupplier nanoTime) {
        this.agent = agent;
        this.access = access;
        this.nanoTime = nanoTime;
    }

    Reply answer(Request request) {
        return switch (request.method()) {
            case "GET", "HEAD", "OPTIONS" -> read(request);
            case "PATCH", "PUT" -> request.firstSegment().equals("/config") ? change(request) : unsupported(request);
            default -> unsupported(request);
        };
    }

    private static Reply unsupported(Request request) {
        return Reply.error(
                501,
                "this agent does not answer " + request.method() + " on " + request.firstSegment()
                        + "; use matriarchctl for what this door cannot do");
    }

    private Reply read(Request request) {
        Snapshot snapshot = agent.snapshot();
        return switch (request.firstSegment()) {
            case "/patroni" -> new Reply(200, StatusDocument.bytes(snapshot, nanoTime.getAsLong()));
            case "/cluster" -> cluster(snapshot);
            case "/history" ->
                new Reply(200, ClusterDocument.historyBytes(snapshot.cluster().flatMap(ClusterView::history)));
            case "/config" ->
                agent.config()
                        .map(json -> new Reply(200, json.getBytes(StandardCharsets.UTF_8)))
                        .orElseGet(() -> Reply.error(
                                502,
                                "the store holds no configuration, or was never reached; start the cluster first,"
                                        + " then ask again"));
            case "/liveness", "/readiness" -> health(request, request.firstSegment(), snapshot);
            default -> health(request, request.path(), snapshot);
        };
    }

    /** The clock is read after the snapshot: the lease may have run out since it was taken. */
    private Reply health(Request request, String path, Snapshot snapshot) {
        long now = nanoTime.getAsLong();
        int status = HealthCheck.status(path, request.query(), snapshot, now);
        return new Reply(status, StatusDocument.bytes(snapshot, now));
    }

    private Reply cluster(Snapshot snapshot) {
        Optional<ClusterView> cluster = snapshot.freshCluster(nanoTime.getAsLong());
        return cluster.map(view -> new Reply(200, ClusterDocument.bytes(snapshot, view)))
                .orElseGet(() -> Reply.error(
                        503, "the store was not read within the last ttl; ask another member, or wait and ask again"));
    }

    private Reply change(Request request) {
        Optional<String> refusal = access.refusal(request.authorization());
        if (refusal.isPresent()) {
            return Reply.error(401, refusal.get());
        }
        if (!request.body().announced()) {
            return Reply.error(411, "the request has no Content-Length; send the JSON object with its length");
        }
        Optional<byte[]> body;
        try {
            body = request.body().read();
        } catch (IOException e) {
            return Reply.error(400, "the body ended before its announced length; send it again");
        }
        if (body.isEmpty()) {
            return Reply.error(413, "the body is longer than 1 MB; nothing was changed: send less");
        }
        Optional<String> problem = Json.problemOfObject(body.get());
        if (problem.isPresent()) {
            return Reply.error(
                    400, "nothing was changed: " + problem.get() + "; send a JSON object such as {\"ttl\": 30}");
        }
        String json = new String(body.get(), StandardCharsets.UTF_8);
        return reply(request.method().equals("PATCH") ? agent.patchConfig(json) : agent.replaceConfig(json));
    }

    private static Reply reply(ConfigChange change) {
        return switch (change) {
            case ConfigChange.Done done -> new Reply(200, done.json().getBytes(StandardCharsets.UTF_8));
            case ConfigChange.Refused refused -> Reply.errors(400, refused.problems());
            case ConfigChange.NothingStored nothing ->
                Reply.error(503, "the store holds no configuration yet; start the cluster first, then ask again");
            case ConfigChange.Conflict conflict ->
                Reply.error(409, "somebody else changed the configuration first; read it again and repeat the change");
            case ConfigChange.Unavailable unavailable -> Reply.error(502, unavailable.sentence());
        };
    }
}
