package dev.matriarch.consul;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.http.Contact;
import dev.matriarch.dcs.http.TlsFiles;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLHandshakeException;

/** Calls of Consul's HTTP API at one Consul agent, within the time that the caller gives. Any thread. */
final class ConsulApi implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration CONNECT = Duration.ofSeconds(2);
    private static final Duration PAUSE = Duration.ofMillis(200);
    private static final int MANY_REQUESTS = 429;

    /** May it be asked again if nothing was heard of the first time? */
    enum Again {
        /** Asking twice is as good as once. */
        ALLOWED,
        /** It must happen once at most: an unknown outcome is the caller's to settle. */
        FORBIDDEN
    }

    /**
     * What Consul said.
     *
     * @param status 200, 404 or 409
     * @param index the state that it shows; 0: it is no answer about keys
     * @param leaderKnown false: the server that answered knew of no leader
     * @param behind how long that server had not heard of the leader
     */
    record Answer(int status, JsonNode body, long index, boolean leaderKnown, Duration behind) {}

    private final ConsulSettings settings;
    private final ExecutorService threads;
    private final HttpClient http;
    private volatile ConsulSettings.Changeable changeable;
    private final Contact contact = new Contact("Consul");

    /** @throws IOException if a certificate or key cannot be used */
    ConsulApi(ConsulSettings settings) throws IOException {
        this.settings = settings;
        this.changeable = settings.changeable();
        this.threads = Executors.newVirtualThreadPerTaskExecutor();
        HttpClient.Builder client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECT)
                .executor(threads);
        if (!settings.tls().equals(TlsFiles.NONE) || !settings.verify()) {
            client.sslContext(settings.tls().context(settings.verify()));
        }
        this.http = client.build();
    }

    void change(ConsulSettings.Changeable changed) {
        changeable = changed;
    }

    ConsulSettings.Changeable changeable() {
        return changeable;
    }

    URI address() {
        return settings.address();
    }

    Contact contact() {
        return contact;
    }

    /** A key, or the text after a slash, as a URL wants it; slashes stay. */
    static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8)
                .replace("+", "%20")
                .replace("%2F", "/");
    }

    /**
     * All or none of these steps.
     *
     * @throws Refusal if the token does not allow one of them
     * @throws DcsException if nobody knows whether it happened
     */
    Txn.Outcome transaction(List<ObjectNode> steps, Again again, Budget budget) throws DcsException {
        ArrayNode body = JsonNodeFactory.instance.arrayNode();
        steps.forEach(step -> body.addObject().set("KV", step));
        // Counts for those without a write only: others go through the majority anyway.
        Answer answer = call("PUT", "txn?consistent", body.toString(), again, budget);
        List<Txn.Entry> entries = new ArrayList<>();
        if (answer.status() == 200 && answer.body().has("Results")) {
            answer.body().path("Results").forEach(result -> entries.add(Txn.entry(result.path("KV"))));
            return new Txn.Outcome(true, entries, "");
        }
        StringBuilder why = new StringBuilder();
        for (JsonNode error : answer.body().path("Errors")) {
            why.append(why.isEmpty() ? "" : "; ").append(error.path("What").asText());
        }
        if (answer.status() != 409 || why.isEmpty()) {
            throw new DcsException("Consul at " + address() + " answered " + answer.status() + " to a transaction");
        }
        if (isForbidden(why.toString())) {
            throw new Refusal("Consul at " + address() + " refuses: " + why + "; check token");
        }
        return new Txn.Outcome(false, entries, why.toString());
    }

    private static boolean isForbidden(String text) {
        return text.contains("Permission denied") || text.contains("ACL not found");
    }

    /**
     * @param path below {@code /v1/}, with its query
     * @param body empty: none
     * @throws Refusal if Consul answered that it did nothing
     * @throws DcsException if nobody answered in time, or nobody knows whether it happened
     */
    Answer call(String method, String path, String body, Again again, Budget budget) throws DcsException {
        DcsException last = null;
        while (!budget.isSpent()) {
            try {
                Answer answer = once(method, path, body, again == Again.ALLOWED ? budget.share(2) : budget.left());
                contact.answered();
                return answer;
            } catch (NotAsked e) {
                contact.failed(e.getMessage());
                last = new DcsException(e.getMessage(), e);
            } catch (Refusal e) {
                contact.failed(e.getMessage());
                throw e;
            } catch (DcsException e) {
                contact.failed(e.getMessage());
                if (again == Again.FORBIDDEN) {
                    throw e;
                }
                last = last != null && budget.isSpent() ? last : e;
            }
            if (!budget.allowsRetryAfter(PAUSE)) {
                break;
            }
            pause(PAUSE, budget);
        }
        throw last != null ? last : new DcsException("no time was left to ask Consul");
    }

    static void pause(Duration wanted, Budget budget) throws DcsException {
        try {
            Thread.sleep(wanted.compareTo(budget.left()) < 0 ? wanted : budget.left());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while asking Consul", e);
        }
    }

    /** Certainly not even carried out. */
    private static final class NotAsked extends Exception {
        private static final long serialVersionUID = 1L;

        NotAsked(String message, Throwable cause) {
            super(message, cause);
        }
    }

    private Answer once(String method, String path, String body, Duration atMost) throws DcsException, NotAsked {
        ConsulSettings.Changeable now = changeable;
        String full = path;
        if (now.datacenter().isPresent() && !path.startsWith("agent/")) {
            full += (path.contains("?") ? "&" : "?") + "dc="
                    + encoded(now.datacenter().get());
        }
        HttpRequest request = request(method, full, body, now.token());
        HttpResponse<String> reply = answerOf(http.sendAsync(request, HttpResponse.BodyHandlers.ofString()), atMost);
        int status = reply.statusCode();
        if (status == 200 || status == 404 || status == 409) {
            return answer(reply);
        }
        String said = "Consul at " + address() + " answered " + status + " to " + path.replaceFirst("\\?.*", "") + ": "
                + firstLine(reply.body());
        if (status == MANY_REQUESTS || status == 500 && reply.body().contains("No cluster leader")) {
            throw new NotAsked(said, null);
        }
        if (status == 403 || isForbidden(reply.body())) {
            throw new Refusal(said + "; check token");
        }
        boolean declined = status >= 400 && status < 500 && status != 408
                || reply.body().contains("Invalid Session TTL")
                || reply.body().contains("Missing check");
        // What a proxy says of a server that it did not hear from: the request may have reached it, or may do so yet.
        throw declined ? new Refusal(said) : new DcsException(said);
    }

    private HttpRequest request(String method, String path, String body, Optional<String> token) throws Refusal {
        HttpRequest.Builder request;
        try {
            request = HttpRequest.newBuilder(settings.address().resolve("/v1/" + path))
                    .method(
                            method,
                            body.isEmpty()
                                    ? HttpRequest.BodyPublishers.noBody()
                                    : HttpRequest.BodyPublishers.ofString(body));
        } catch (IllegalArgumentException e) {
            throw new Refusal(
                    "Consul cannot be asked at " + address() + ": " + e.getMessage() + "; check host and url");
        }
        try {
            token.ifPresent(t -> request.header("X-Consul-Token", t));
        } catch (IllegalArgumentException e) {
            // Its message holds the token.
            throw new Refusal("Consul cannot be asked: the token holds a character that none may have; check token");
        }
        return request.build();
    }

    private static String firstLine(String text) {
        String line = text.strip().lines().findFirst().orElse("");
        return line.length() > 200 ? line.substring(0, 200) : line;
    }

    private static Answer answer(HttpResponse<String> reply) {
        JsonNode body;
        try {
            body = JSON.readTree(reply.body());
        } catch (JsonProcessingException e) {
            body = JSON.missingNode();
        }
        return new Answer(
                reply.statusCode(),
                body,
                reply.headers().firstValueAsLong("X-Consul-Index").orElse(0),
                reply.headers()
                        .firstValue("X-Consul-KnownLeader")
                        .orElse("true")
                        .equals("true"),
                Duration.ofMillis(
                        reply.headers().firstValueAsLong("X-Consul-LastContact").orElse(0)));
    }

    private HttpResponse<String> answerOf(CompletableFuture<HttpResponse<String>> reply, Duration atMost)
            throws DcsException, NotAsked {
        try {
            return reply.get(atMost.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            reply.cancel(true);
            throw new DcsException("Consul at " + address() + " did not answer within " + atMost.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            reply.cancel(true);
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while asking Consul", e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            String why = "Consul at " + address() + " cannot be reached: "
                    + (cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage());
            if (cause instanceof ConnectException
                    || cause instanceof HttpConnectTimeoutException
                    || cause instanceof UnresolvedAddressException
                    || cause instanceof SSLHandshakeException) {
                throw new NotAsked(why, cause);
            }
            throw new DcsException(why, cause);
        }
    }

    @Override
    public void close() {
        http.shutdownNow();
        threads.shutdownNow();
    }
}
