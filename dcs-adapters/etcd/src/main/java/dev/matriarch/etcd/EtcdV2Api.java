package dev.matriarch.etcd;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.etcd.EtcdCluster.Again;
import dev.matriarch.etcd.EtcdCluster.NotAsked;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** Calls of etcd's v2 API: over the servers in turn, within the time that the caller gives. Any thread. */
final class EtcdV2Api implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    static final int NOT_FOUND = 100;
    static final int COMPARE_FAILED = 101;
    static final int EXISTS = 105;
    static final int NOT_EMPTY = 108;
    static final int HISTORY_CLEARED = 401;
    private static final int UNAUTHORIZED = 110;
    private static final int ROOT_READ_ONLY = 107;

    /** Answers about the keys, and about the conditions of a write: the caller's to judge. */
    private static final Set<Integer> TOLD = Set.of(NOT_FOUND, COMPARE_FAILED, EXISTS, NOT_EMPTY);

    /**
     * What etcd said.
     *
     * @param error 0: it was done; else why not, and nothing was
     * @param index of the state that it shows; of an answer that was waited for: of the state in which the waiting began
     */
    record Answer(int error, JsonNode body, long index) {
        boolean done() {
            return error == 0;
        }

        JsonNode node() {
            return body.path("node");
        }

        KeyTree.Entry entry() {
            return KeyTree.Entry.of(node());
        }
    }

    /** Under which condition a key is written, or removed. */
    sealed interface If {
        record Always() implements If {}

        record Absent() implements If {}

        /** @param index of its last change */
        record Unchanged(long index) implements If {
            public Unchanged {
                if (index <= 0) {
                    // etcd would take it for no condition at all.
                    throw new IllegalArgumentException("no key was ever changed at index " + index);
                }
            }
        }

        static If unchanged(Optional<KeyTree.Entry> entry) {
            return entry.<If>map(e -> new Unchanged(e.modified())).orElse(new Absent());
        }

        /** As etcd spells it, ready to stand behind other parameters. */
        default String parameter() {
            return switch (this) {
                case Always() -> "";
                case Absent() -> "&prevExist=false";
                case Unchanged(long index) -> "&prevIndex=" + index;
            };
        }
    }

    private final EtcdCluster cluster;
    private volatile Optional<EtcdSettings.Login> login;

    /** @throws IOException if a certificate or key cannot be used */
    EtcdV2Api(EtcdSettings settings) throws IOException {
        this.login = settings.login();
        this.cluster = new EtcdCluster(settings, this::members);
    }

    EtcdCluster cluster() {
        return cluster;
    }

    void login(Optional<EtcdSettings.Login> changed) {
        login = changed;
    }

    /**
     * All keys below a path, as the majority has them.
     *
     * @param base with slashes on both ends: permissions end so
     */
    KeyTree tree(String base, Budget budget) throws DcsException {
        Answer answer = ask("GET", base, "recursive=true&quorum=true", "", Again.ALLOWED, budget);
        return KeyTree.of(base, answer.node(), answer.index());
    }

    /** @param ttlSeconds 0: it does not end by itself */
    Answer put(String key, String value, long ttlSeconds, If condition, Again again, Budget budget)
            throws DcsException {
        String form = "value=" + escaped(value) + (ttlSeconds == 0 ? "" : "&ttl=" + ttlSeconds);
        return ask("PUT", key, "", form + condition.parameter(), again, budget);
    }

    Answer delete(String key, If.Unchanged condition, Again again, Budget budget) throws DcsException {
        return ask("DELETE", key, condition.parameter().substring(1), "", again, budget);
    }

    /** Removes a directory, if nothing is in it. */
    Answer deleteDirectory(String path, Budget budget) throws DcsException {
        return ask("DELETE", path, "dir=true", "", Again.ALLOWED, budget);
    }

    private Answer ask(String method, String key, String query, String form, Again again, Budget budget)
            throws DcsException {
        return cluster.ask(
                (address, atMost) -> {
                    long floor = cluster.lineage().index();
                    HttpResponse<String> reply =
                            cluster.send(address, request(address, method, key, query, form), atMost);
                    Answer answer = answer(address, reply);
                    cluster.believe(address, origin(reply.headers(), answer.index()), floor);
                    cluster.answered();
                    return answer;
                },
                again,
                budget);
    }

    /**
     * The first change below a path since an index; begun at the server that answered last, and waited for.
     *
     * @param from 0: from now on
     * @param began is told the index of etcd's state as the waiting begins, if nothing has changed up to then
     * @return what it ends with; to be cancelled when it has taken too long
     */
    CompletableFuture<Answer> change(String base, long from, java.util.function.LongConsumer began)
            throws DcsException {
        URI address = cluster.current();
        HttpRequest request;
        try {
            request = request(
                    address, "GET", base, "wait=true&recursive=true" + (from == 0 ? "" : "&waitIndex=" + from), "");
        } catch (NotAsked e) {
            throw new DcsException(e.getMessage(), e);
        }
        CompletableFuture<HttpResponse<String>> reply = cluster.begin(request, head -> {
            if (head.statusCode() == 200) {
                began.accept(index(head.headers()));
            }
            return HttpResponse.BodySubscribers.ofString(StandardCharsets.UTF_8);
        });
        CompletableFuture<Answer> answer = new CompletableFuture<>();
        answer.whenComplete((done, why) -> {
            if (answer.isCancelled()) {
                reply.cancel(true);
            }
        });
        reply.whenComplete((got, why) -> {
            if (why != null) {
                answer.completeExceptionally(why);
                return;
            }
            try {
                answer.complete(answer(address, got));
            } catch (DcsException e) {
                answer.completeExceptionally(e);
            }
        });
        return answer;
    }

    private HttpRequest request(URI address, String method, String key, String query, String form) throws NotAsked {
        String path = "/v2/keys" + escaped(key).replace("%2F", "/");
        HttpRequest.Builder request = EtcdCluster.request(address, query.isEmpty() ? path : path + "?" + query)
                .method(
                        method,
                        form.isEmpty()
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofString(form));
        if (!form.isEmpty()) {
            request.header("Content-Type", "application/x-www-form-urlencoded");
        }
        authorized(request);
        return request.build();
    }

    private void authorized(HttpRequest.Builder request) {
        login.ifPresent(as -> request.header(
                "Authorization",
                "Basic "
                        + Base64.getEncoder()
                                .encodeToString(
                                        (as.username() + ":" + as.password()).getBytes(StandardCharsets.UTF_8))));
    }

    private static String escaped(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static long index(HttpHeaders headers) {
        return headers.firstValueAsLong("X-Etcd-Index").orElse(0);
    }

    private static Lineage.Origin origin(HttpHeaders headers, long index) {
        String cluster = headers.firstValue("X-Etcd-Cluster-Id").orElse("");
        return new Lineage.Origin(
                cluster.matches("[0-9a-f]{1,16}") ? Long.parseUnsignedLong(cluster, 16) : 0,
                headers.firstValueAsLong("X-Raft-Term").orElse(0),
                index);
    }

    private Answer answer(URI address, HttpResponse<String> reply) throws DcsException {
        JsonNode body = json(reply);
        int status = reply.statusCode();
        if ((status == 200 || status == 201) && body.path("node").isObject()) {
            return new Answer(0, body, index(reply.headers()));
        }
        int error = body.path("errorCode").asInt(0);
        String said =
                body.path("message").asText("") + " (" + body.path("cause").asText("") + ")";
        if (TOLD.contains(error) || error == HISTORY_CLEARED) {
            return new Answer(error, body, body.path("index").asLong(0));
        }
        if (error == UNAUTHORIZED) {
            throw new Refusal(
                    error,
                    "etcd at " + address + " refuses: " + said + "; "
                            + (login.isPresent()
                                    ? "check username and password in the section etcd, and what that user may do"
                                    : "give username and password in the section etcd"));
        }
        if (error > NOT_FOUND && error < 300) {
            throw new Refusal(
                    error,
                    "etcd at " + address + " refuses: " + said
                            + (error == ROOT_READ_ONLY ? "; check namespace and scope" : ""));
        }
        if (error != 0) {
            // Raft's own errors, and times that ran out: it may have happened all the same.
            throw new DcsException("etcd at " + address + " answered: " + said);
        }
        String what = "etcd at " + address + " answered " + status
                + ": is that the client address of an etcd with its v2 API on (--enable-v2)?";
        // What a proxy says of a server that it did not hear from: the request may have reached it, or may do so yet.
        throw EtcdCluster.isDeclined(reply) ? new Refusal(-1, what) : new DcsException(what);
    }

    private static JsonNode json(HttpResponse<String> reply) {
        try {
            return JSON.readTree(reply.body());
        } catch (JsonProcessingException e) {
            return JSON.missingNode();
        }
    }

    private List<String> members(URI address, Budget budget) throws DcsException, NotAsked {
        HttpRequest.Builder request = EtcdCluster.request(address, "/v2/members");
        authorized(request);
        HttpResponse<String> reply = cluster.send(address, request.build(), budget.left());
        cluster.expectOfTheCluster(address, origin(reply.headers(), 0));
        List<String> urls = new ArrayList<>();
        for (JsonNode member : json(reply).path("members")) {
            member.path("clientURLs").forEach(url -> urls.add(url.asText()));
        }
        return urls;
    }

    @Override
    public void close() {
        cluster.close();
    }
}
