package dev.matriarch.etcd;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Addresses;
import dev.matriarch.dcs.http.Budget;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLHandshakeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls of etcd's v3 API through its JSON gateway: over the servers in turn, within the time that the caller gives. Any
 * thread.
 */
final class EtcdApi implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EtcdApi.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration CONNECT = Duration.ofSeconds(2);
    private static final long REFRESH_NANOS = TimeUnit.MINUTES.toNanos(5);
    private static final Set<String> WEB = Set.of("http", "https");
    private static final int UNAVAILABLE = 14;
    /** gRPC has no greater status code: what is greater is HTTP's, from a proxy. */
    private static final int LAST_CODE = 16;

    /** May it be asked again if nothing was heard of the first time? */
    enum Again {
        /** Asking twice is as good as once. */
        ALLOWED,
        /** It must happen once at most: an unknown outcome is the caller's to settle. */
        FORBIDDEN
    }

    private final EtcdSettings settings;
    private final Addresses addresses;
    private final ExecutorService threads;
    private final HttpClient http;
    private volatile Optional<EtcdSettings.Login> login;
    private volatile String token = "";
    private volatile Optional<String> prefix = Optional.empty();
    private volatile long refreshedAt;
    private volatile boolean refreshed;
    private volatile boolean refreshing;
    private volatile String lastFailure = "";
    private volatile long answeredAt;
    private volatile boolean answered;
    private volatile Runnable onFailure = () -> {};

    private long cluster;
    private long term;

    /** Who said so, and who said nothing, since the known cluster answered last. */
    private final Set<URI> stale = new LinkedHashSet<>();

    private final Set<URI> silent = new LinkedHashSet<>();
    private long doubtedSince;
    private boolean lastRound;
    private volatile Duration ttl = Duration.ofSeconds(30);

    /** @throws IOException if a certificate or key cannot be used */
    EtcdApi(EtcdSettings settings) throws IOException {
        this.settings = settings;
        this.login = settings.login();
        this.addresses = new Addresses(settings.addresses());
        this.threads = Executors.newVirtualThreadPerTaskExecutor();
        HttpClient.Builder client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECT)
                .executor(threads);
        if (!settings.tls().equals(dev.matriarch.dcs.http.TlsFiles.NONE)) {
            client.sslContext(settings.tls().context());
        }
        this.http = client.build();
    }

    /** Called whenever a server did not answer; must return at once. */
    void onFailure(Runnable listener) {
        onFailure = listener;
    }

    void login(Optional<EtcdSettings.Login> changed) {
        if (!changed.equals(login)) {
            login = changed;
            token = "";
        }
    }

    /** How long a lock outlives its last renewal: so long a cluster that falls silent is not given up for another. */
    void leasesLast(Duration changed) {
        ttl = changed;
    }

    void forgetToken() {
        token = "";
    }

    String lastFailure() {
        return lastFailure;
    }

    /** @return empty before the first answer */
    Optional<Duration> sinceLastAnswer() {
        return answered ? Optional.of(Duration.ofNanos(System.nanoTime() - answeredAt)) : Optional.empty();
    }

    List<URI> addresses() {
        return addresses.inOrder();
    }

    URI current() {
        return addresses.inOrder().isEmpty() ? URI.create("dns:" + settings.discovery()) : addresses.first();
    }

    /**
     * @param path below the API's prefix, such as {@code kv/range}
     * @throws Refusal if the server answered that it did nothing
     * @throws DcsException if nobody answered in time, or nobody knows whether it happened
     */
    JsonNode call(String path, ObjectNode body, Again again, Budget budget) throws DcsException {
        refreshIfDue();
        Set<URI> asked = new LinkedHashSet<>();
        DcsException last = null;
        boolean loggedIn = false;
        while (!budget.isSpent()) {
            List<URI> order = addresses.inOrder();
            if (order.isEmpty()) {
                throw new DcsException("no server of etcd is known: DNS names none for " + settings.discovery());
            }
            URI address = order.getFirst();
            asked.add(address);
            try {
                JsonNode answer = once(address, path, body, budget, Math.max(1, order.size() - asked.size() + 1));
                if (isStale(address, answer)) {
                    // Of a write nobody knows then what became of it in the cluster that counts.
                    throw new DcsException("etcd at " + address + " is behind the others, or of another cluster");
                }
                return answer;
            } catch (NotAsked e) {
                failed(address, e.getMessage());
                last = new DcsException(e.getMessage(), e);
            } catch (LoggedOut e) {
                if (loggedIn || login.isEmpty()) {
                    throw new Refusal(
                            16,
                            e.getMessage()
                                    + (login.isEmpty() ? "; give username and password in the section etcd3" : ""));
                }
                loggedIn = true;
                logIn(address, budget);
                continue;
            } catch (Refusal e) {
                throw e;
            } catch (DcsException e) {
                failed(address, e.getMessage());
                if (again == Again.FORBIDDEN) {
                    throw e;
                }
                // What a last attempt without time says is worth less than what one before it has found out.
                last = last != null && budget.isSpent() ? last : e;
            }
            if (asked.containsAll(addresses.inOrder())) {
                asked.clear();
                pause(budget);
            }
        }
        throw last != null ? last : new DcsException("no time was left to ask etcd");
    }

    private static void pause(Budget budget) throws DcsException {
        try {
            Thread.sleep(Math.min(200, budget.left().toMillis()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while asking etcd", e);
        }
    }

    private void failed(URI address, String why) {
        lastFailure = why;
        synchronized (this) {
            silent.add(address);
        }
        addresses.failed(address);
        onFailure.run();
    }

    /** Certainly not even received. */
    private static final class NotAsked extends Exception {
        private static final long serialVersionUID = 1L;

        NotAsked(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** Refused, because the token is missing or old. */
    private static final class LoggedOut extends Exception {
        private static final long serialVersionUID = 1L;

        LoggedOut(String message) {
            super(message);
        }
    }

    private JsonNode once(URI address, String path, ObjectNode body, Budget budget, int sharedWith)
            throws DcsException, NotAsked, LoggedOut {
        if (login.isPresent() && token.isEmpty()) {
            logIn(address, budget);
        }
        HttpResponse<String> reply = send(
                address,
                request(address, prefix(address, budget) + "/" + path)
                        .POST(HttpRequest.BodyPublishers.ofString(body.toString())),
                budget.share(sharedWith));
        JsonNode answer;
        try {
            answer = JSON.readTree(reply.body());
        } catch (JsonProcessingException e) {
            answer = JSON.missingNode();
        }
        JsonNode error = answer.path("error");
        if (reply.statusCode() == 200 && error.isMissingNode() && answer.isObject()) {
            answered = true;
            answeredAt = System.nanoTime();
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
            return isDeclined(reply) ? new Refusal(-1, what) : new DcsException(what);
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

    /** Without a word of etcd's own: nothing was done. */
    private static boolean isDeclined(HttpResponse<String> reply) {
        return reply.statusCode() >= 400 && reply.statusCode() < 500 && reply.statusCode() != 408;
    }

    private static HttpRequest.Builder request(URI address, String path) throws NotAsked {
        try {
            return HttpRequest.newBuilder(address.resolve(path));
        } catch (IllegalArgumentException e) {
            throw new NotAsked("etcd cannot be asked at " + address + ": " + e.getMessage(), e);
        }
    }

    private HttpResponse<String> send(URI address, HttpRequest.Builder request, Duration atMost)
            throws DcsException, NotAsked {
        if (!token.isEmpty()) {
            request.header("Authorization", token);
        }
        CompletableFuture<HttpResponse<String>> reply = http.sendAsync(
                request.header("Content-Type", "application/json").build(), HttpResponse.BodyHandlers.ofString());
        return answerOf(address, reply, atMost);
    }

    private static <T> T answerOf(URI address, CompletableFuture<T> reply, Duration atMost)
            throws DcsException, NotAsked {
        try {
            return reply.get(atMost.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            reply.cancel(true);
            throw new DcsException("etcd at " + address + " did not answer within " + atMost.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            reply.cancel(true);
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while asking etcd", e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            String why = "etcd at " + address + " cannot be reached: "
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

    private void logIn(URI address, Budget budget) throws DcsException {
        EtcdSettings.Login as = login.orElseThrow();
        token = "";
        try {
            HttpResponse<String> reply = send(
                    address,
                    request(address, prefix(address, budget) + "/auth/authenticate")
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
            if (!isDeclined(reply)) {
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
        HttpResponse<String> reply = send(address, request(address, "/version").GET(), budget.share(1));
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

    /** Terms never go back and a cluster's id never changes, unless etcd was made anew: then nobody is left who says otherwise. */
    private synchronized boolean isStale(URI address, JsonNode answer) {
        JsonNode header = answer.path("header");
        long theirs = Long.parseUnsignedLong(header.path("cluster_id").asText("0"));
        long theirTerm = header.path("raft_term").asLong(0);
        if (theirs == 0 && theirTerm == 0) {
            return false;
        }
        if (isAgainst(theirs, theirTerm)) {
            if (!isMadeAnew(address)) {
                return true;
            }
            LOG.warn(
                    "etcd at {} is of {}; all servers that answer say so now",
                    address,
                    theirs == cluster ? "an earlier term" : "another cluster");
            term = 0;
        }
        stale.clear();
        silent.clear();
        lastRound = false;
        cluster = theirs == 0 ? cluster : theirs;
        term = Math.max(term, theirTerm);
        return false;
    }

    private boolean isAgainst(long theirs, long theirTerm) {
        boolean other = cluster != 0 && theirs != 0 && theirs != cluster;
        return other || theirTerm != 0 && theirTerm < term;
    }

    /** Whether a server that speaks of the members knows of the cluster, and of its last leader. */
    private synchronized boolean isOfTheCluster(JsonNode header) {
        return !isAgainst(
                Long.parseUnsignedLong(header.path("cluster_id").asText("0")),
                header.path("raft_term").asLong(0));
    }

    /**
     * All servers say so; or those that answer do, the known cluster has been silent for as long as a lock can last, and all
     * were asked once more after that.
     */
    private boolean isMadeAnew(URI address) {
        long now = System.nanoTime();
        if (stale.isEmpty()) {
            doubtedSince = now;
        }
        stale.add(address);
        List<URI> all = addresses.inOrder();
        if (stale.containsAll(all)) {
            return true;
        }
        if (now - doubtedSince < ttl.toNanos()) {
            return false;
        }
        if (!lastRound) {
            lastRound = true;
            stale.retainAll(Set.of(address));
            silent.clear();
        }
        return all.stream().allMatch(a -> stale.contains(a) || silent.contains(a));
    }

    /** Asks the servers, or DNS, who the servers are: beside the calls, unless nobody is known yet. */
    private void refreshIfDue() {
        synchronized (addresses) {
            if (refreshing || refreshed && System.nanoTime() - refreshedAt < REFRESH_NANOS) {
                return;
            }
            refreshing = true;
        }
        if (addresses.inOrder().isEmpty()) {
            refresh();
        } else {
            threads.execute(this::refresh);
        }
    }

    /** Runs by itself every few minutes. */
    void refresh() {
        try {
            List<URI> wanted = new ArrayList<>(settings.addresses());
            settings.discovery().ifPresent(where -> wanted.addAll(new SrvRecords(where).look()));
            if (settings.proxies()) {
                addresses.replace(wanted);
            } else {
                // Nobody is forgotten before somebody has said who the members are.
                Set<URI> known = new LinkedHashSet<>(addresses.inOrder());
                known.addAll(wanted);
                addresses.replace(List.copyOf(known));
                addresses.replace(withMembers(wanted));
            }
            refreshedAt = System.nanoTime();
            refreshed = !wanted.isEmpty();
        } catch (DcsException e) {
            LOG.debug("no server says who the members of etcd are: {}", e.getMessage());
        } finally {
            refreshing = false;
        }
    }

    private List<URI> withMembers(List<URI> wanted) throws DcsException {
        DcsException last = new DcsException("no server is known");
        for (URI address : addresses.inOrder()) {
            try {
                JsonNode answer = once(address, "cluster/member/list", Requests.object(), new Budget(CONNECT), 1);
                Set<URI> members = new LinkedHashSet<>();
                for (JsonNode member : answer.path("members")) {
                    for (JsonNode url : member.path("clientURLs")) {
                        URI client = URI.create(url.asText().replaceFirst("/*$", ""));
                        // There may be sockets of its host among them, and names that no URL can have.
                        if (client.getHost() != null && WEB.contains(client.getScheme())) {
                            members.add(client);
                        }
                    }
                }
                if (members.isEmpty() || !isOfTheCluster(answer.path("header"))) {
                    last = new DcsException("etcd at " + address + " does not name the members of the cluster");
                    continue;
                }
                members.addAll(wanted);
                return List.copyOf(members);
            } catch (NotAsked | LoggedOut | IllegalArgumentException e) {
                last = new DcsException(e.getMessage(), e);
            } catch (DcsException e) {
                last = e;
            }
        }
        throw last;
    }

    /** An answer that comes line by line until it is closed. */
    InputStream stream(URI address, String path, ObjectNode body, Budget budget) throws DcsException {
        try {
            if (login.isPresent() && token.isEmpty()) {
                logIn(address, budget);
            }
            HttpRequest.Builder request = request(address, prefix(address, budget) + "/" + path)
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString(body.toString()));
            if (!token.isEmpty()) {
                request.header("Authorization", token);
            }
            return answerOf(
                            address,
                            http.sendAsync(request.build(), HttpResponse.BodyHandlers.ofInputStream()),
                            budget.left())
                    .body();
        } catch (NotAsked e) {
            throw new DcsException(e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        http.shutdownNow();
        threads.shutdownNow();
    }
}
