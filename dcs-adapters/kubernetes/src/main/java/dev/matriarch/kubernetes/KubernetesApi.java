package dev.matriarch.kubernetes;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Addresses;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.http.Contact;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.http.HttpClient;
import io.fabric8.kubernetes.client.http.HttpRequest;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the API server until it answers or the time is up. Everything that is asked here may arrive twice: a change names the
 * version that it changes.
 */
final class KubernetesApi implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(KubernetesApi.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration PAUSE = Duration.ofMillis(250);
    private static final int ATTEMPTS_IN_TIME = 3;
    private static final String MERGE = "application/merge-patch+json";

    /** What a lack of rights means for a call: nothing that time would mend, or something that it may. */
    enum Forbidden {
        AT_ONCE,
        /** For the lock: an admission webhook or an authorizer that is away says no, too. */
        LATER
    }

    private final KubernetesClient client;
    private final HttpClient http;
    private final Set<Integer> retriable;
    private final URI service;
    private final Addresses servers;
    /** Where requests begin: a login program of kubectl's file is run then, and may take for ever. One at a time. */
    private final ExecutorService begin = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().name("kubernetes-request").daemon().factory());

    private final Contact contact = new Contact("Kubernetes");

    KubernetesApi(KubernetesClient client, Set<Integer> retriable) {
        this.client = client;
        this.http = client.getHttpClient();
        this.retriable = retriable;
        this.service = URI.create(client.getConfiguration().getMasterUrl());
        this.servers = new Addresses(List.of(service));
    }

    KubernetesClient client() {
        return client;
    }

    /** The servers themselves; their service is asked when none of them answers. */
    void servers(List<URI> found) {
        List<URI> all = new ArrayList<>(found);
        all.remove(service);
        if (!all.isEmpty()) {
            all.add(service);
            servers.replace(all);
            // It was known before they were, and would keep its place before them.
            servers.failed(service);
        }
    }

    void serviceOnly() {
        servers.replace(List.of(service));
    }

    URI service() {
        return service;
    }

    String address() {
        return servers.first().toString();
    }

    Contact contact() {
        return contact;
    }

    JsonNode get(String path, Budget budget) throws DcsException {
        return call("GET", path, "", "", Forbidden.AT_ONCE, budget);
    }

    JsonNode patch(String path, JsonNode patch, Forbidden forbidden, Budget budget) throws DcsException {
        return call("PATCH", path, MERGE, patch.toString(), forbidden, budget);
    }

    JsonNode post(String path, JsonNode object, Forbidden forbidden, Budget budget) throws DcsException {
        return call("POST", path, "application/json", object.toString(), forbidden, budget);
    }

    JsonNode delete(String path, JsonNode options, Budget budget) throws DcsException {
        return call("DELETE", path, "application/json", options.toString(), Forbidden.AT_ONCE, budget);
    }

    /**
     * @throws Refusal the answer is a definite no, and no earlier attempt of this very call can do anything any more
     * @throws DcsException no definite answer in time, or a no after an attempt that was not heard of
     */
    private JsonNode call(String method, String path, String type, String body, Forbidden forbidden, Budget budget)
            throws DcsException {
        String failure = "there was no time left to ask";
        Duration pause = PAUSE;
        boolean unheard = false;
        while (!budget.isSpent()) {
            URI server = servers.first();
            Duration least = pause;
            Duration wait = least;
            try {
                int share = Math.max(ATTEMPTS_IN_TIME, servers.inOrder().size());
                Exchange.Answer answer = once(method, server, path, type, body, budget.share(share));
                int code = answer.code();
                if (code / 100 == 2) {
                    return said(server, answer.body());
                }
                failure = server + " answered " + code + " to " + method + " " + path + reason(answer.body());
                Optional<Duration> later = retryAfter(answer);
                boolean again = code >= 500
                        || code == 429
                        || code == 408
                        || retriable.contains(code)
                        || later.isPresent()
                        || forbidden == Forbidden.LATER && (code == Refusal.FORBIDDEN || code == Refusal.UNAUTHORIZED);
                if (!again) {
                    contact.answered();
                    if (unheard && !isSettled(method, code)) {
                        throw new DcsException(failure + "; what became of the attempt before is not known");
                    }
                    throw new Refusal(code, failure, unheard);
                }
                unheard |= code >= 500 || code == 408 || retriable.contains(code);
                wait = later.filter(l -> l.compareTo(least) > 0).orElse(least);
                servers.failed(server);
            } catch (TimeoutException e) {
                unheard = true;
                failure = server + " does not answer";
                servers.failed(server);
                wait = Duration.ZERO;
            } catch (ExecutionException e) {
                unheard = true;
                Throwable cause = e.getCause() == null ? e : e.getCause();
                // What else there is may be about the token, and name it.
                failure = server + " cannot be asked: "
                        + (cause instanceof IOException
                                ? cause
                                : "the request cannot be made ("
                                        + cause.getClass().getSimpleName()
                                        + "); look at the token, and at the login program of kubectl's file");
                servers.failed(server);
            }
            LOG.debug("{}", failure);
            if (!budget.allowsRetryAfter(wait)) {
                break;
            }
            pause(wait);
            pause = pause.multipliedBy(2).compareTo(Duration.ofSeconds(1)) > 0
                    ? Duration.ofSeconds(1)
                    : pause.multipliedBy(2);
        }
        contact.failed(failure);
        throw new DcsException("Kubernetes gave no answer in time: " + failure);
    }

    /**
     * Whether with this refusal nothing is on its way any more, though an attempt before was not heard of: that one would be refused,
     * too, as the version that it names is gone. Other refusals are of the moment, such as a server's that has not read the rights yet.
     */
    private static boolean isSettled(String method, int code) {
        return method.equals("GET") || code == Refusal.CONFLICT || code == Refusal.NOT_FOUND && !method.equals("POST");
    }

    private Exchange.Answer once(String method, URI server, String path, String type, String body, Duration time)
            throws TimeoutException, ExecutionException, DcsException {
        HttpRequest.Builder request = http.newHttpRequestBuilder()
                .uri(below(server, path))
                .header("Accept", "application/json")
                .timeout(Math.max(1, time.toMillis()), TimeUnit.MILLISECONDS);
        if (method.equals("GET")) {
            request.method(method, null, (String) null);
        } else {
            request.method(method, type, body);
        }
        Exchange exchange = new Exchange();
        boolean whole = false;
        try {
            Exchange.Answer answer = begun(() -> exchange.begin(http, request.build()))
                    .thenCompose(a -> a)
                    .get(Math.max(1, time.toMillis()), TimeUnit.MILLISECONDS);
            whole = true;
            return answer;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof java.net.http.HttpTimeoutException
                    || e.getCause() instanceof TimeoutException) {
                throw new TimeoutException(e.getCause().getMessage());
            }
            throw e;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while Kubernetes was asked", e);
        } finally {
            if (!whole) {
                exchange.end();
            }
        }
    }

    /** Some clusters are reached through a proxy that has a path for each of them. */
    private static URI below(URI server, String path) {
        String base = server.toString();
        return URI.create((base.endsWith("/") ? base.substring(0, base.length() - 1) : base) + path);
    }

    private <T> CompletableFuture<T> begun(Supplier<T> step) throws DcsException {
        try {
            return CompletableFuture.supplyAsync(step, begin);
        } catch (RejectedExecutionException e) {
            throw new DcsException("the connection to Kubernetes is closed", e);
        }
    }

    private JsonNode said(URI server, String text) throws DcsException {
        try {
            JsonNode json = JSON.readTree(text);
            if (json != null && json.isObject()) {
                contact.answered();
                return json;
            }
        } catch (JsonProcessingException e) {
            LOG.debug("not JSON: {}", e.getOriginalMessage());
        }
        String failure = "what answers at " + server + " is no API server of Kubernetes";
        contact.failed(failure);
        throw new DcsException(failure);
    }

    private static String reason(String body) {
        try {
            String message =
                    JSON.readTree(body == null ? "" : body).path("message").asText("");
            return message.isEmpty() ? "" : ": " + message;
        } catch (JsonProcessingException e) {
            return "";
        }
    }

    /** Seconds only: the other form, a date, is not what the API server sends. */
    private static Optional<Duration> retryAfter(Exchange.Answer answer) {
        return answer.retryAfter()
                .filter(text -> text.matches("[0-9]{1,6}"))
                .map(text -> Duration.ofSeconds(Long.parseLong(text)));
    }

    private static void pause(Duration time) throws DcsException {
        try {
            Thread.sleep(time);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while Kubernetes was asked", e);
        }
    }

    @Override
    public void close() {
        begin.shutdownNow();
        client.close();
    }
}
