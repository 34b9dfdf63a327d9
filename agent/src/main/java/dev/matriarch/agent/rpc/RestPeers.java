package dev.matriarch.agent.rpc;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.config.AgentConfig.Credentials;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * Asks members that have no gRPC door over their REST door: those of Patroni, in a cluster of both. The HTTP client is made with
 * the first question.
 */
final class RestPeers implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String DOCUMENT = "/patroni";

    private final String scope;
    private final Supplier<Optional<Credentials>> credentials;
    private HttpClient http;

    /** @param credentials of the REST doors, the same on all members */
    RestPeers(String scope, Supplier<Optional<Credentials>> credentials) {
        this.scope = scope;
        this.credentials = credentials;
    }

    static boolean isFor(Member member) {
        return member.rpcAddress().isEmpty() && member.apiUrl().endsWith(DOCUMENT);
    }

    /** As {@link Peers#positions}. */
    Map<String, PeerAnswer> positions(Collection<Member> members, Duration timeout) {
        Map<String, CompletableFuture<HttpResponse<String>>> asked = new LinkedHashMap<>();
        members.forEach(
                m -> asked.put(m.name(), send(m, "", HttpRequest.newBuilder().GET(), timeout)));
        long deadline = System.nanoTime() + timeout.toNanos();
        Map<String, PeerAnswer> answers = new LinkedHashMap<>();
        asked.forEach((name, reply) -> {
            try {
                JsonNode said = JSON.readTree(await(reply, deadline).body());
                answers.put(name, position(name, said));
            } catch (IOException e) {
                answers.put(name, new PeerAnswer.Unreachable(e.getMessage()));
            }
        });
        return answers;
    }

    private PeerAnswer position(String name, JsonNode said) {
        JsonNode member = said.path("patroni");
        if (!member.path("scope").asText("").equals(scope)
                || !member.path("name").asText(name).equals(name)) {
            return new PeerAnswer.Unreachable("its address is answered by another member or cluster");
        }
        JsonNode xlog = said.path("xlog");
        boolean inRecovery = !xlog.has("location");
        JsonNode tags = said.path("tags");
        int priority = tags.path("failover_priority").asInt(1);
        return new PeerAnswer.Answered(new Position(
                said.path("state").asText("").equals("running"),
                inRecovery,
                new Lsn(
                        inRecovery
                                ? Math.max(
                                        xlog.path("received_location").asLong(0),
                                        xlog.path("replayed_location").asLong(0))
                                : xlog.path("location").asLong(0)),
                said.path("timeline").asInt(0),
                tags.path("nofailover").asBoolean(false) || priority <= 0,
                priority,
                said.path("watchdog_failed").asBoolean(false)));
    }

    /** As {@link Peers#refusals}. They count their own ttl from when they hear of it. */
    Map<String, String> refusals(Collection<Member> members, Member me, Duration timeout) {
        ObjectNode body = JsonNodeFactory.instance.objectNode();
        body.put("name", me.name()).put("conn_url", me.connUrl()).put("api_url", me.apiUrl());
        body.putObject("slots");
        Map<String, CompletableFuture<HttpResponse<String>>> asked = new LinkedHashMap<>();
        for (Member member : members) {
            HttpRequest.Builder request = HttpRequest.newBuilder()
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString(body.toString()));
            credentials.get().ifPresent(c -> request.header("Authorization", "Basic " + basic(c)));
            asked.put(member.name(), send(member, "/failsafe", request, timeout));
        }
        long deadline = System.nanoTime() + timeout.toNanos();
        Map<String, String> refusals = new LinkedHashMap<>();
        asked.forEach((name, reply) -> {
            try {
                HttpResponse<String> said = await(reply, deadline);
                if (said.statusCode() != 200 || !said.body().strip().equals("Accepted")) {
                    refusals.put(
                            name,
                            "it answered " + said.statusCode() + " "
                                    + said.body().strip());
                }
            } catch (IOException e) {
                refusals.put(name, e.getMessage());
            }
        });
        return refusals;
    }

    private static String basic(Credentials c) {
        return Base64.getEncoder().encodeToString((c.username() + ":" + c.password()).getBytes(StandardCharsets.UTF_8));
    }

    private CompletableFuture<HttpResponse<String>> send(
            Member member, String path, HttpRequest.Builder request, Duration timeout) {
        try {
            String base = member.apiUrl();
            URI uri = URI.create(path.isEmpty() ? base : base.substring(0, base.length() - DOCUMENT.length()) + path);
            return client().sendAsync(request.uri(uri).timeout(timeout).build(), HttpResponse.BodyHandlers.ofString());
        } catch (IllegalArgumentException e) {
            return CompletableFuture.failedFuture(new IOException("its REST address is none: " + member.apiUrl(), e));
        }
    }

    private static HttpResponse<String> await(CompletableFuture<HttpResponse<String>> reply, long deadline)
            throws IOException {
        try {
            return reply.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            throw new IOException(
                    cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage(), e);
        } catch (TimeoutException e) {
            reply.cancel(true);
            throw new IOException("no answer in time", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for its answer", e);
        }
    }

    private synchronized HttpClient client() {
        if (http == null) {
            http = HttpClient.newBuilder()
                    .version(HttpClient.Version.HTTP_1_1)
                    .connectTimeout(Duration.ofSeconds(1))
                    .build();
        }
        return http;
    }

    @Override
    public synchronized void close() {
        if (http != null) {
            http.shutdownNow();
        }
    }
}
