package dev.matriarch.etcd;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.etcd.EtcdCluster.Again;
import dev.matriarch.etcd.EtcdCluster.NotAsked;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls of etcd's v3 API through its JSON gateway: over the servers in turn, within the time that the caller gives. Any
 * thread.
 */
final class EtcdApi implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EtcdApi.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int UNAVAILABLE = 14;
    /** gRPC has no greater status code: what is greater is HTTP's, from a proxy. */
    private static final int LAST_CODE = 16;

    private final EtcdCluster cluster;
    private volatile Optional<EtcdSettings.Login> login;
    private volatile String token = "";
    private volatile Optional<String> prefix = Optional.empty();

    /** @throws IOException if a certificate or key cannot be used */
    EtcdApi(EtcdSettings settings) throws IOException {
        this.login = settings.login();
        this.cluster = new EtcdCluster(settings, this::members);
    }

    EtcdCluster cluster() {
        return cluster;
    }

    void login(Optional<EtcdSettings.Login> changed) {
        if (!changed.equals(login)) {
            login = changed;
            token = "";
        }
    }

    void forgetToken() {
        token = "";
    }

    /**
     * @param path below the API's prefix, such as {@code kv/range}
     * @throws Refusal if the server answered that it did nothing
     * @throws DcsException if nobody answered in time, or nobody knows whether it happened
     */
    JsonNode call(String path, ObjectNode body, Again again, Budget budget) throws DcsException {
        return cluster.ask((address, atMost) -> loggedIn(address, path, body, budget, atMost), again, budget);
    }

    private JsonNode loggedIn(URI address, String path, ObjectNode body, Budget budget, Duration atMost)
            throws DcsException, NotAsked {
        JsonNode answer;
        try {
            answer = once(address, path, body, budget, atMost);
        } catch (LoggedOut first) {
            if (login.isEmpty()) {
                throw new Refusal(16, first.getMessage() + "; give username and password in the section etcd3");
            }
            logIn(address, budget);
            try {
                answer = once(address, path, body, budget, atMost);
            } catch (LoggedOut second) {
                throw new Refusal(16, second.getMessage());
            }
        }
        cluster.believe(address, origin(answer), 0);
        return answer;
    }

    private static Lineage.Origin origin(JsonNode answer) {
        JsonNode header = answer.path("header");
        return new Lineage.Origin(
                Long.parseUnsignedLong(header.path("cluster_id").asText("0")),
                header.path("raft_term").asLong(0),
                0);
    }

    /** Refused, because the token is missing or old. */
    private static final class LoggedOut extends Exception {
        private static final long serialVersionUID = 1L;

        LoggedOut(String message) {
            super(message);
        }
    }

    private JsonNode once(URI address, String path, ObjectNode body, Budget budget, Duration atMost)
            throws DcsException, NotAsked, LoggedOut {
        if (login.isPresent() && token.isEmpty()) {
            logIn(address, budget);
        }
        HttpResponse<String> reply = send(
                address,
                EtcdCluster.request(address, prefix(address, budget) + "/" + path)
                        .POST(HttpRequest.BodyPublishers.ofString(body.toString())),
                atMost.compareTo(budget.left()) < 0 ? atMost : budget.left());
        JsonNode answer;
        try {
            answer = JSON.readTree(reply.body());
        } catch (JsonProcessingException e) {
            answer = JSON.missingNode();
        }
        JsonNode error = answer.path("error");
        if (reply.statusCode() == 200 && error.isMissingNode() && answer.isObject()) {
            cluster.answered();
            return answer.has("result") ? answer.path("result") : answer;
        }
        throw refused(address, path, reply, answer);
    }

    private static DcsException refused(URI address, String path, HttpResponse<String> reply, JsonNode answer)
            throws NotAsked, LoggedOut {
        // A stream's errors are objects, others texts.
        JsonNode from = answer.path("error").isObject() ? answer.path("error") : answer;
        int code = from.path("code").asInt(from.path("grpc_code").asInt(-1));
        String message = from.path("message").asText(from.path("error").asText(""));
        if (code < 1 || code > LAST_CODE) {
            String what = "etcd at " + address + " answered " + reply.statusCode() + " to " + path
                    + ": is that the client address of an etcd of version 3.3 or later, with its JSON gateway on?";
            // What a proxy says of a server that it did not hear from: the request may have reached it, or may do so
            // yet.
            return EtcdCluster.isDeclined(reply) ? new Refusal(-1, what) : new DcsException(what);
        }
        if (message.contains("invalid auth token")
                || message.contains("user name is empty")
                || message.contains("revision of auth store is old")) {
            throw new LoggedOut(message);
        }
        if (code == UNAVAILABLE && message.contains("no leader")) {
            throw new NotAsked("etcd at " + address + ": " + message, null);
        }
        return switch (code) {
            // Cancelled, deadline, exhausted, aborted, internal, unavailable: it may have happened all the same.
            case 1, 2, 4, 8, 10, 13, UNAVAILABLE, 15 -> new DcsException("etcd at " + address + ": " + message);
            default -> new Refusal(code, "etcd at " + address + " refuses: " + message);
        };
    }

    private HttpResponse<String> send(URI address, HttpRequest.Builder request, Duration atMost)
            throws DcsException, NotAsked {
        if (!token.isEmpty()) {
            request.header("Authorization", token);
        }
        return cluster.send(
                address, request.header("Content-Type", "application/json").build(), atMost);
    }

    private void logIn(URI address, Budget budget) throws DcsException {
        EtcdSettings.Login as = login.orElseThrow();
        token = "";
        try {
            HttpResponse<String> reply = send(
                    address,
                    EtcdCluster.request(address, prefix(address, budget) + "/auth/authenticate")
                            .POST(HttpRequest.BodyPublishers.ofString(Requests.object()
                                    .put("name", as.username())
                                    .put("password", as.password())
                                    .toString())),
                    budget.share(1));
            JsonNode answer = JSON.readTree(reply.body());
            if (reply.statusCode() == 200 && answer.hasNonNull("token")) {
                String given = answer.path("token").asText();
                if (!given.matches("[\\x21-\\x7e]+")) {
                    throw new DcsException("etcd at " + address + " answered a login with a token that cannot be used");
                }
                token = given;
                return;
            }
            String message = answer.path("message").asText(answer.path("error").asText(""));
            if (message.contains("authentication is not enabled")) {
                LOG.warn("etcd asks for no login: the username {} is not used", as.username());
                login = Optional.empty();
                return;
            }
            if (!EtcdCluster.isDeclined(reply)) {
                throw new DcsException(
                        "etcd at " + address + " answered " + reply.statusCode() + " to a login: " + message);
            }
            throw new Refusal(
                    16,
                    "etcd at " + address + " does not let " + as.username() + " in: " + message
                            + "; check username and password");
        } catch (NotAsked | JsonProcessingException e) {
            throw new DcsException(e.getMessage(), e);
        }
    }

    /** Versions before 3.4 have their API under other names. */
    private String prefix(URI address, Budget budget) throws DcsException, NotAsked {
        if (prefix.isPresent()) {
            return prefix.get();
        }
        HttpResponse<String> reply =
                send(address, EtcdCluster.request(address, "/version").GET(), budget.share(1));
        String version = "";
        try {
            version = JSON.readTree(reply.body()).path("etcdcluster").asText("");
        } catch (JsonProcessingException e) {
            LOG.debug("{} does not say its version: {}", address, e.getMessage());
        }
        String found = version.matches("3\\.[0-2]\\..*") ? "/v3alpha" : version.startsWith("3.3.") ? "/v3beta" : "/v3";
        if (!version.isEmpty() && !version.equals("not_decided")) {
            prefix = Optional.of(found);
        }
        return found;
    }

    private List<String> members(URI address, Budget budget) throws DcsException, NotAsked {
        JsonNode answer;
        try {
            answer = once(address, "cluster/member/list", Requests.object(), budget, budget.left());
        } catch (LoggedOut e) {
            throw new DcsException(e.getMessage(), e);
        }
        cluster.expectOfTheCluster(address, origin(answer));
        List<String> urls = new ArrayList<>();
        for (JsonNode member : answer.path("members")) {
            member.path("clientURLs").forEach(url -> urls.add(url.asText()));
        }
        return urls;
    }

    /** An answer that comes line by line until it is closed. */
    InputStream stream(URI address, String path, ObjectNode body, Budget budget) throws DcsException {
        try {
            if (login.isPresent() && token.isEmpty()) {
                logIn(address, budget);
            }
            HttpRequest.Builder request = EtcdCluster.request(address, prefix(address, budget) + "/" + path)
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString(body.toString()));
            if (!token.isEmpty()) {
                request.header("Authorization", token);
            }
            return EtcdCluster.answerOf(
                            address,
                            cluster.begin(request.build(), HttpResponse.BodyHandlers.ofInputStream()),
                            budget.left())
                    .body();
        } catch (NotAsked e) {
            throw new DcsException(e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        cluster.close();
    }
}
