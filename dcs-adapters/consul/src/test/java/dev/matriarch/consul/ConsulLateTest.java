package dev.matriarch.consul;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.SyncState;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real Consul whose answers are lost on their way, and that gets requests later than they were sent. */
@Tag("slow")
class ConsulLateTest {
    private static final Duration TTL = Duration.ofSeconds(20);
    private static final Duration BRIEF = Duration.ofSeconds(2);
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    static Path dir;

    private static ConsulServers consul;
    private static int clusters;

    private enum Fault {
        NONE,
        ANSWER_LOST,
        HELD_UP,
        /** What was held up, and what comes only now of the same attempts. */
        STILL_HELD_UP,
        BAD_GATEWAY
    }

    private final List<String> heldUp = new CopyOnWriteArrayList<>();
    private final AtomicInteger sessions = new AtomicInteger();
    private final AtomicInteger leaders = new AtomicInteger();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private volatile Fault fault = Fault.NONE;
    private volatile boolean unsteady;
    private String scope;
    private HttpServer door;
    private ConsulDcs dcs;

    @BeforeAll
    static void startConsul() throws Exception {
        consul = ConsulServers.start(dir.resolve("consul"), 1, "", "", "", "5s");
    }

    @AfterAll
    static void stopConsul() throws IOException {
        if (consul != null) {
            consul.close();
        }
    }

    @BeforeEach
    void start() throws Exception {
        scope = "late" + clusters++;
        door = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        door.setExecutor(threads);
        door.createContext("/", this::handle);
        door.start();
        URI address = URI.create("http://127.0.0.1:" + door.getAddress().getPort());
        dcs = new ConsulDcs(ConsulContractTest.settings(address, scope, "n1", ConsulContractTest.PLAIN));
    }

    @AfterEach
    void stop() {
        dcs.close();
        door.stop(0);
        threads.shutdownNow();
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            String path = exchange.getRequestURI().toString();
            if (path.contains("&index=")) {
                // The watch has no part in this.
                return;
            }
            sessions.addAndGet(path.contains("session/create") ? 1 : 0);
            if (path.contains("status/leader") && unsteady) {
                reply(exchange, 200, "\"10.0.0." + leaders.incrementAndGet() + ":8300\"");
                return;
            }
            // Only what changes something meets the fault.
            boolean writes = path.contains("/txn") && (body.contains("\"Value\"") || body.contains("delete"));
            boolean meant = writes && (fault != Fault.STILL_HELD_UP || heldUp.contains(body));
            Fault now = meant ? fault : Fault.NONE;
            switch (now) {
                case HELD_UP, STILL_HELD_UP -> heldUp.add(body);
                case BAD_GATEWAY -> {
                    heldUp.add(body);
                    reply(exchange, 502, "<html>Bad Gateway</html>");
                }
                case ANSWER_LOST -> {
                    pass(exchange.getRequestMethod(), path, body);
                    fault = Fault.NONE;
                }
                case NONE -> {
                    HttpResponse<String> said = pass(exchange.getRequestMethod(), path, body);
                    said.headers()
                            .firstValue("X-Consul-Index")
                            .ifPresent(i -> exchange.getResponseHeaders().add("X-Consul-Index", i));
                    reply(exchange, said.statusCode(), said.body());
                }
            }
        }
    }

    private static void reply(HttpExchange exchange, int status, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    private static HttpResponse<String> pass(String method, String path, String body) throws IOException {
        try (HttpClient http = HttpClient.newHttpClient()) {
            return http.send(
                    HttpRequest.newBuilder(consul.address(0).resolve(path))
                            .timeout(Duration.ofSeconds(10))
                            .method(method, HttpRequest.BodyPublishers.ofString(body))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

    private boolean arrivesNow(String body) throws IOException {
        return pass("PUT", "/v1/txn", body).statusCode() == 200;
    }

    private JsonNode leaderKey() throws Exception {
        return JSON.readTree(consul.ask(0, "GET", "kv/service/" + scope + "/leader", ""))
                .path(0);
    }

    private long acquired() throws DcsException {
        return epoch(dcs.acquireLeader("n1", TTL, Long.MAX_VALUE, TIMEOUT));
    }

    private LeaseResult renew(long epoch, Duration ttl, Duration timeout) throws DcsException {
        return dcs.renewLeader("n1", epoch, ttl, Optional.empty(), timeout);
    }

    @Test
    void aLockWhoseAnswerWasLostIsFound() throws Exception {
        fault = Fault.ANSWER_LOST;
        long epoch = acquired();
        assertEquals(Fault.NONE, fault, "the answer was lost");
        assertEquals(epoch, leaderKey().path("CreateIndex").asLong());
        assertEquals(2, sessions.get(), "it is the first lock; its renewal moves it to a session of its own");
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL, TIMEOUT));
    }

    @Test
    void aWriteThatAProxyGaveUpIsRefusedAfterTheNextRenewal() throws Exception {
        long epoch = acquired();
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL, TIMEOUT));
        fault = Fault.BAD_GATEWAY;
        SyncState sync = new SyncState("n1", new TreeSet<>(List.of("n2")), 0);
        assertThrows(DcsException.class, () -> dcs.writeSync("n1", epoch, Optional.of(sync), Expected.absent(), BRIEF));
        assertThrows(DcsException.class, () -> dcs.releaseLeader("n1", epoch, Optional.empty(), BRIEF));
        fault = Fault.NONE;
        assertEquals(2, heldUp.size(), "neither is sent twice");
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL, TIMEOUT));
        for (String body : heldUp) {
            assertFalse(arrivesNow(body), "the renewal has settled it");
        }
        assertTrue(dcs.read(TIMEOUT).sync().isEmpty());
        assertEquals("n1", dcs.read(TIMEOUT).leader().orElseThrow().name());
    }

    @Test
    void aRenewalWithAnotherTtlThatWasHeldUpIsRefusedAfterTheNextOne() throws Exception {
        long epoch = acquired();
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL, TIMEOUT));
        String session = leaderKey().path("Session").asText();
        fault = Fault.HELD_UP;
        assertThrows(DcsException.class, () -> renew(epoch, TTL.multipliedBy(2), BRIEF));
        fault = Fault.STILL_HELD_UP;
        assertFalse(heldUp.isEmpty());
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL, TIMEOUT));
        for (String body : heldUp) {
            assertFalse(arrivesNow(body), "the renewal has settled it");
        }
        assertEquals(session, leaderKey().path("Session").asText());
    }

    @Test
    void aSessionThatALeaderOfConsulMayYetEndIsNotRenewedButReplaced() throws Exception {
        long epoch = acquired();
        String first = sessionAfterRenewal(epoch, TTL);
        assertEquals(first, sessionAfterRenewal(epoch, TTL), "one leader all the while");
        unsteady = true;
        String second = sessionAfterRenewal(epoch, TTL);
        assertNotEquals(first, second, "Consul has changed its leader");
        unsteady = false;
        String third = sessionAfterRenewal(epoch, TTL);
        assertNotEquals(second, third, "nobody knows who led while it was made");
        assertEquals(third, sessionAfterRenewal(epoch, TTL));
        // As a leader does that could not end them before: up to 160 s later, whoever has renewed them since.
        for (String old : List.of(first, second)) {
            assertEquals(200, pass("PUT", "/v1/session/destroy/" + old, "").statusCode());
        }
        assertEquals(third, sessionAfterRenewal(epoch, TTL), "the lock stays");
    }

    @Test
    void aSessionOfAnEarlierProcessOrThatWasNotRenewedInTimeIsReplaced() throws Exception {
        Duration brief = Duration.ofSeconds(1);
        long epoch = acquired();
        String first = sessionAfterRenewal(epoch, brief);
        long renewed = System.nanoTime();
        await(TIMEOUT, "a ttl has gone by", () -> System.nanoTime() - renewed > brief.toNanos());
        // It is still there: Consul allows none of less than 5 s, and ends them after twice their time.
        assertNotEquals(first, sessionAfterRenewal(epoch, brief), "Consul may have begun to end it");
        String own = sessionAfterRenewal(epoch, TTL);
        URI address = URI.create("http://127.0.0.1:" + door.getAddress().getPort());
        try (ConsulDcs next =
                new ConsulDcs(ConsulContractTest.settings(address, scope, "n1", ConsulContractTest.PLAIN))) {
            assertEquals(new LeaseResult.Held(epoch), next.renewLeader("n1", epoch, TTL, Optional.empty(), TIMEOUT));
            assertNotEquals(own, leaderKey().path("Session").asText());
        }
    }

    private String sessionAfterRenewal(long epoch, Duration ttl) throws Exception {
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, ttl, TIMEOUT));
        return leaderKey().path("Session").asText();
    }

    @Test
    void aReadDoesNotWaitForARenewalThatIsUnderWay() throws Exception {
        long epoch = acquired();
        fault = Fault.HELD_UP;
        Future<?> renewal = threads.submit(() -> renew(epoch, TTL, TIMEOUT));
        await(TIMEOUT, "it is under way", () -> !heldUp.isEmpty());
        assertTrue(dcs.read(TIMEOUT).leader().isPresent());
        assertFalse(renewal.isDone());
        fault = Fault.NONE;
        assertEquals(new LeaseResult.Held(epoch), renewal.get(10, TimeUnit.SECONDS));
    }
}
