package dev.matriarch.etcd;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Measure;
import dev.matriarch.dcs.http.Addresses;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.http.Contact;
import dev.matriarch.dcs.http.TlsFiles;
import java.io.IOException;
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
 * The servers of one etcd, whichever of its APIs they are asked by: in turn, within the time that the caller gives; named by DNS
 * and by each other. Any thread.
 */
final class EtcdCluster implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EtcdCluster.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration CONNECT = Duration.ofSeconds(2);
    private static final Duration PAUSE = Duration.ofMillis(200);
    private static final long REFRESH_NANOS = TimeUnit.MINUTES.toNanos(5);
    private static final Set<String> WEB = Set.of("http", "https");

    /** May it be asked again if nothing was heard of the first time? */
    enum Again {
        /** Asking twice is as good as once. */
        ALLOWED,
        /** It must happen once at most: an unknown outcome is the caller's to settle. */
        FORBIDDEN
    }

    /** Certainly not even received. */
    static final class NotAsked extends Exception {
        private static final long serialVersionUID = 1L;

        NotAsked(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** One request to one server. */
    interface Attempt<T> {
        /**
         * @param atMost its share of the time
         * @throws Refusal if the server answered that it did nothing: no other is asked
         */
        T at(URI address, Duration atMost) throws DcsException, NotAsked;
    }

    /** How a server is asked who the members are. */
    interface MemberList {
        /**
         * @return their addresses for clients, as they wrote them
         * @throws DcsException also if it is not of the cluster that is known
         */
        List<String> by(URI address, Budget budget) throws DcsException, NotAsked;
    }

    private final EtcdSettings settings;
    private final MemberList memberList;
    private final Addresses addresses;
    private final ExecutorService threads;
    private final HttpClient http;
    private final Lineage lineage = new Lineage();
    private volatile long refreshedAt;
    private volatile boolean refreshed;
    private volatile boolean refreshing;
    private final Contact contact = new Contact("etcd");
    private volatile Runnable onFailure = () -> {};

    /** @throws IOException if a certificate or key cannot be used */
    EtcdCluster(EtcdSettings settings, MemberList memberList) throws IOException {
        this.settings = settings;
        this.memberList = memberList;
        this.addresses = new Addresses(settings.addresses());
        this.threads = Executors.newVirtualThreadPerTaskExecutor();
        HttpClient.Builder client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECT)
                .executor(threads);
        if (!settings.tls().equals(TlsFiles.NONE)) {
            client.sslContext(settings.tls().context());
        }
        this.http = client.build();
    }

    /** Called whenever a server did not answer; must return at once. */
    void onFailure(Runnable listener) {
        onFailure = listener;
    }

    Lineage lineage() {
        return lineage;
    }

    List<URI> addresses() {
        return addresses.inOrder();
    }

    URI current() {
        return addresses.inOrder().isEmpty() ? URI.create("dns:" + settings.discovery()) : addresses.first();
    }

    /** A sentence for {@link dev.matriarch.dcs.Dcs#health}. */
    String health() {
        return contact.health("etcd at " + current());
    }

    List<Measure> measures() {
        return contact.measures("etcd", "etcd");
    }

    /** A server has said something of its own. */
    void answered() {
        contact.answered();
    }

    /**
     * Asks the servers in turn until one answers.
     *
     * @throws Refusal if a server answered that it did nothing
     * @throws DcsException if nobody answered in time, or nobody knows whether it happened
     */
    <T> T ask(Attempt<T> attempt, Again again, Budget budget) throws DcsException {
        refreshIfDue();
        Set<URI> asked = new LinkedHashSet<>();
        DcsException last = null;
        while (!budget.isSpent()) {
            List<URI> order = addresses.inOrder();
            if (order.isEmpty()) {
                throw new DcsException("no server of etcd is known: DNS names none for " + settings.discovery());
            }
            URI address = order.getFirst();
            asked.add(address);
            try {
                return attempt.at(address, budget.share(Math.max(1, order.size() - asked.size() + 1)));
            } catch (NotAsked e) {
                failed(address, e.getMessage());
                last = new DcsException(e.getMessage(), e);
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
            Duration pause = asked.containsAll(addresses.inOrder()) ? PAUSE : Duration.ZERO;
            if (!budget.allowsRetryAfter(pause)) {
                break;
            }
            if (pause.isPositive()) {
                asked.clear();
                pause(pause);
            }
        }
        throw last != null ? last : new DcsException("no time was left to ask etcd");
    }

    /**
     * To be called with each answer.
     *
     * @param floor {@link Lineage#index} from before the request was sent
     * @throws DcsException if it is not to be believed: of a write nobody knows then what became of it in the cluster that
     *     counts
     */
    void believe(URI address, Lineage.Origin origin, long floor) throws DcsException {
        if (lineage.isStale(address, origin, floor, addresses.inOrder())) {
            throw new DcsException("etcd at " + address + " is behind the others, or of another cluster");
        }
    }

    private static void pause(Duration pause) throws DcsException {
        try {
            Thread.sleep(pause);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while asking etcd", e);
        }
    }

    private void failed(URI address, String why) {
        contact.failed(why);
        lineage.silent(address);
        addresses.failed(address);
        onFailure.run();
    }

    static HttpRequest.Builder request(URI address, String path) throws NotAsked {
        try {
            return HttpRequest.newBuilder(address.resolve(path));
        } catch (IllegalArgumentException e) {
            throw new NotAsked("etcd cannot be asked at " + address + ": " + e.getMessage(), e);
        }
    }

    /** Without a word of etcd's own: nothing was done. */
    static boolean isDeclined(HttpResponse<?> reply) {
        return reply.statusCode() >= 400 && reply.statusCode() < 500 && reply.statusCode() != 408;
    }

    HttpResponse<String> send(URI address, HttpRequest request, Duration atMost) throws DcsException, NotAsked {
        return answerOf(address, begin(request, HttpResponse.BodyHandlers.ofString()), atMost);
    }

    <T> CompletableFuture<HttpResponse<T>> begin(HttpRequest request, HttpResponse.BodyHandler<T> handler) {
        return http.sendAsync(request, handler);
    }

    static <T> T answerOf(URI address, CompletableFuture<T> reply, Duration atMost) throws DcsException, NotAsked {
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
            settings.discovery().ifPresent(where -> wanted.addAll(clients(new SrvRecords(where).look())));
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

    /** Addresses for clients; of servers of which only those for each other are known, what the first that answers says. */
    List<URI> clients(SrvRecords.Found found) {
        for (URI peer : found.peers()) {
            try {
                HttpResponse<String> reply =
                        send(peer, request(peer, "/members").build(), CONNECT);
                List<URI> clients = new ArrayList<>();
                for (JsonNode member : JSON.readTree(reply.body())) {
                    member.path("clientURLs")
                            .forEach(url -> client(url.asText()).ifPresent(clients::add));
                }
                if (!clients.isEmpty()) {
                    return clients;
                }
                LOG.warn("{} does not say who the members of etcd are: HTTP {}", peer, reply.statusCode());
            } catch (DcsException | NotAsked | JsonProcessingException | IllegalArgumentException e) {
                LOG.warn("{} does not say who the members of etcd are: {}", peer, e.getMessage());
            }
        }
        return found.clients();
    }

    /** There may be sockets of a server's host among them, and names that no URL can have. */
    private static Optional<URI> client(String url) {
        URI client = URI.create(url.replaceFirst("/*$", ""));
        return Optional.of(client).filter(c -> c.getHost() != null && WEB.contains(c.getScheme()));
    }

    private List<URI> withMembers(List<URI> wanted) throws DcsException {
        DcsException last = new DcsException("no server is known");
        for (URI address : addresses.inOrder()) {
            try {
                Set<URI> members = new LinkedHashSet<>();
                for (String url : memberList.by(address, new Budget(CONNECT))) {
                    client(url).ifPresent(members::add);
                }
                if (members.isEmpty()) {
                    last = new DcsException("etcd at " + address + " does not name the members of the cluster");
                    continue;
                }
                members.addAll(wanted);
                return List.copyOf(members);
            } catch (NotAsked | IllegalArgumentException e) {
                last = new DcsException(e.getMessage(), e);
            } catch (DcsException e) {
                last = e;
            }
        }
        throw last;
    }

    /** For a member list: says so if the server is not of the cluster that is known. */
    void expectOfTheCluster(URI address, Lineage.Origin origin) throws DcsException {
        if (!lineage.isOfTheCluster(origin)) {
            throw new DcsException(
                    "etcd at " + address + " is of another cluster: it does not say who the members are");
        }
    }

    @Override
    public void close() {
        http.shutdownNow();
        threads.shutdownNow();
    }
}
