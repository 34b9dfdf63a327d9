package dev.matriarch.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.PlannedRestart;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(15)
@Tag("slow")
class RestDoorTest {
    private static final String HOST = "127.0.0.1";
    private static final HttpClient CLIENT = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(3))
            .build();

    private final FakeAgent agent = new FakeAgent();
    private RestDoor door;

    @BeforeEach
    void open() throws IOException {
        primaryFor(Duration.ofSeconds(60));
        door = RestDoor.open(plain(Optional.of(new RestSettings.Credentials("admin", "secret"))), agent);
    }

    private static RestSettings plain(Optional<RestSettings.Credentials> credentials) {
        return new RestSettings(HOST, 0, credentials, Duration.ofSeconds(1), 100);
    }

    @AfterEach
    void close() {
        door.close();
    }

    private void primaryFor(Duration lease) {
        Fixture f = Fixture.primary();
        f.now = System.nanoTime() - 1_000_000_000L + lease.toNanos();
        f.nextRun = f.now;
        agent.snapshot = f.snapshot();
    }

    private HttpResponse<String> send(String method, String path, String body, String... headers) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://" + HOST + ":" + door.port() + path))
                .timeout(Duration.ofSeconds(5))
                .method(
                        method,
                        body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
        if (headers.length > 0) {
            request.headers(headers);
        }
        return CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpResponse<String> get(String path) throws Exception {
        return send("GET", path, null);
    }

    private static String[] login(String password) {
        return new String[] {
            "Authorization",
            "Basic " + Base64.getEncoder().encodeToString(("admin:" + password).getBytes(StandardCharsets.UTF_8))
        };
    }

    private static JsonNode json(HttpResponse<String> response) throws IOException {
        return JsonMapper.builder().build().readTree(response.body());
    }

    /** Sends text and returns all that comes until the door closes the connection. */
    private String raw(String text) throws IOException {
        try (Socket socket = new Socket(HOST, door.port())) {
            socket.setSoTimeout(8000);
            socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
            socket.getOutputStream().flush();
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void thePrimaryAnswersUntilItsLeaseEnds() throws Exception {
        assertEquals(200, get("/primary").statusCode());
        primaryFor(Duration.ofMillis(300));
        assertEquals(200, get("/primary").statusCode());
        long deadline = agent.snapshot.leaseDeadlineNanos().orElseThrow();
        while (System.nanoTime() - deadline < 0) {
            TimeUnit.MILLISECONDS.sleep(5);
        }
        // The same snapshot, a moment later: nobody told the door.
        HttpResponse<String> late = get("/primary");
        assertEquals(503, late.statusCode());
        assertEquals("primary", json(late).get("role").asText());
    }

    @Test
    void headAndOptionsAnswerLikeGetWithoutBody() throws Exception {
        for (String path : List.of(
                "/",
                "/primary",
                "/replica",
                "/read-only",
                "/health",
                "/liveness",
                "/readiness",
                "/patroni",
                "/nonsense")) {
            HttpResponse<String> get = get(path);
            assertFalse(get.body().isEmpty());
            for (String method : List.of("HEAD", "OPTIONS")) {
                HttpResponse<String> other = send(method, path, null);
                assertEquals(get.statusCode(), other.statusCode(), method + " " + path);
                assertEquals("", other.body());
            }
        }
        String head = raw("HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assertTrue(head.startsWith("HTTP/1.1 200 ") && head.endsWith("\r\n\r\n"), head);
    }

    @Test
    void loadBalancersMaySpeakHttp10() throws Exception {
        String options = raw("OPTIONS /primary HTTP/1.0\r\n\r\n");
        assertTrue(options.startsWith("HTTP/1.0 200 OK\r\n"), options);
        assertTrue(options.endsWith("\r\n\r\n"), options);
        assertTrue(raw("GET /replica?lag=1MB HTTP/1.0\r\nUser-Agent: x\r\n\r\n").startsWith("HTTP/1.0 503 "));
        String get = raw("GET /health HTTP/1.0\r\n\r\n");
        assertTrue(get.endsWith("\"name\":\"n2\"}}"), get);
        assertTrue(raw("PATCH /config HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}").startsWith("HTTP/1.0 401 "));
        String patched = raw("PATCH /config HTTP/1.0\r\nContent-Length: 9\r\nAuthorization: " + login("secret")[1]
                + "\r\n\r\n{\"ttl\":6}");
        assertTrue(patched.startsWith("HTTP/1.0 200 ") && patched.endsWith("{\"ttl\":6}"), patched);
        assertTrue(raw("GET /primary HTTP/1.1\r\nConnection: close\r\n\r\n").startsWith("HTTP/1.1 200 "));
    }

    @Test
    void theStatusDocumentHasPatronisNames() throws Exception {
        HttpResponse<String> response = get("/patroni");
        assertEquals(200, response.statusCode());
        assertEquals(
                "application/json",
                response.headers().firstValue("Content-Type").orElseThrow());
        JsonNode d = json(response);
        assertEquals("running", d.get("state").asText());
        assertEquals(150004, d.get("server_version").asInt());
        assertEquals(Fixture.OPTIME, d.get("xlog").get("location").asLong());
        assertEquals("n3", d.get("replication").get(0).get("application_name").asText());
        assertEquals(
                "120", d.at("/pending_restart_reason/max_connections/new_value").asText());
        assertEquals("demo", d.at("/patroni/scope").asText());
        assertEquals("7400000000000000001", d.get("database_system_identifier").asText());
        Fixture f = Fixture.replica();
        f.quorum = true;
        f.watchdogFailed = true;
        f.paused = true;
        f.view = false;
        f.failsafe = new Snapshot.Failsafe(
                true, java.util.Map.of(), java.util.OptionalLong.of(System.nanoTime() + 60_000_000_000L));
        f.plannedRestart = new PlannedRestart(
                java.time.Instant.parse("2026-02-04T02:00:00Z"),
                "2026-02-03 10:00:01.123+00:00",
                Optional.of("replica"),
                Optional.empty(),
                true,
                Optional.of(Duration.ofSeconds(90)));
        agent.snapshot = f.snapshot();
        JsonNode r = json(get("/patroni"));
        assertTrue(r.get("watchdog_failed").asBoolean());
        assertFalse(d.has("watchdog_failed"));
        assertEquals("replica", r.get("role").asText());
        assertEquals(Fixture.OPTIME, r.get("xlog").get("replayed_location").asLong());
        assertTrue(r.get("quorum_standby").asBoolean());
        assertTrue(r.get("pause").asBoolean());
        assertTrue(r.get("cluster_unlocked").asBoolean());
        assertTrue(r.get("failsafe_mode_is_active").asBoolean());
        assertEquals(1770113101, r.get("dcs_last_seen").asLong());
        assertEquals(
                "2026-02-04T02:00:00+00:00", r.at("/scheduled_restart/schedule").asText());
        assertEquals("replica", r.at("/scheduled_restart/role").asText());
        assertTrue(r.at("/scheduled_restart/restart_pending").asBoolean());
        assertEquals(90, r.at("/scheduled_restart/timeout").asInt());
        assertEquals("streaming", r.get("replication_state").asText());
    }

    @Test
    void theClusterAndItsHistory() throws Exception {
        JsonNode c = json(get("/cluster"));
        assertEquals("demo", c.get("scope").asText());
        assertEquals(
                "2026-02-04T02:00:00+00:00", c.at("/scheduled_switchover/at").asText());
        assertEquals("leader", c.at("/members/0/role").asText());
        assertEquals("running", c.at("/members/0/state").asText());
        assertEquals("10.0.0.1", c.at("/members/0/host").asText());
        assertEquals(5432, c.at("/members/0/port").asInt());
        assertFalse(c.at("/members/0").has("lag"));
        assertEquals("quorum_standby", c.at("/members/1/role").asText());
        assertEquals("streaming", c.at("/members/1/state").asText());
        assertEquals("0/5400000", c.at("/members/1/replay_lsn").asText());
        assertEquals(0, c.at("/members/1/lag").asInt());
        assertEquals("replica", c.at("/members/2/role").asText());
        assertEquals(100, c.at("/members/2/receive_lag").asInt());
        assertEquals(
                "[[1,100,\"no recovery target\"],[2,200,\"no recovery target\",\"2026-02-03T10:00:00+00:00\",\"n1\"]]",
                get("/history").body());
        Fixture f = Fixture.replica();
        f.view = false;
        agent.snapshot = f.snapshot();
        agent.cluster = Optional.empty();
        assertEquals(503, get("/cluster").statusCode());
    }

    @Test
    void theConfigurationIsReadByAllAndChangedByFew() throws Exception {
        assertEquals("{\"ttl\":5}", get("/config").body());
        agent.cluster = Optional.of(ClusterView.empty());
        assertEquals(502, get("/config").statusCode());

        HttpResponse<String> anonymous = send("PATCH", "/config", "{\"ttl\":6}");
        assertEquals(401, anonymous.statusCode());
        assertEquals(
                "Basic realm=\"Patroni\"",
                anonymous.headers().firstValue("WWW-Authenticate").orElseThrow());
        assertEquals(
                401, send("PATCH", "/config", "{\"ttl\":6}", login("wrong")).statusCode());
        assertEquals(List.of(), agent.asked);

        HttpResponse<String> patched = send("PATCH", "/config", "{\"ttl\":6}", login("secret"));
        assertEquals("{\"ttl\":6}", patched.body());
        assertEquals(
                "3f9c01ab", patched.headers().firstValue("Matriarch-Action").orElseThrow());
        assertEquals(200, send("PUT", "/config", "{}", login("secret")).statusCode());
        assertEquals(List.of("patch {\"ttl\":6}", "put {}"), agent.asked);

        agent.outcome = new ConfigChange.Refused(List.of("ttl: '1' is too short"));
        HttpResponse<String> refused = send("PATCH", "/config", "{\"ttl\":1}", login("secret"));
        assertEquals(400, refused.statusCode());
        assertEquals("ttl: '1' is too short", json(refused).at("/problems/0").asText());
        agent.outcome = new ConfigChange.Conflict(Optional.of("77"));
        HttpResponse<String> late = send("PATCH", "/config", "{}", login("secret"));
        assertEquals(409, late.statusCode());
        assertEquals("77", late.headers().firstValue("Matriarch-Action").orElseThrow());
        agent.outcome = new ConfigChange.NothingStored();
        assertEquals(503, send("PATCH", "/config", "{}", login("secret")).statusCode());
        agent.outcome = new ConfigChange.Unavailable("no quorum", Optional.empty());
        assertEquals(502, send("PATCH", "/config", "{}", login("secret")).statusCode());
    }

    @Test
    void anotherPasswordIsAskedForAtOnce() throws Exception {
        door.reconfigure(plain(Optional.of(new RestSettings.Credentials("admin", "changed"))));
        assertEquals(401, send("PUT", "/config", "{}", login("secret")).statusCode());
        assertEquals(200, send("PUT", "/config", "{}", login("changed")).statusCode());
        door.reconfigure(plain(Optional.empty()));
        assertEquals(200, send("PUT", "/config", "{}").statusCode());
    }

    @Test
    void badBodiesAreRefusedAndChangeNothing() throws Exception {
        for (String body : List.of("", "[]", "{", "{\"a\":1} x", "nonsense", "{\"a\":}")) {
            HttpResponse<String> response = send("PATCH", "/config", body, login("secret"));
            assertEquals(400, response.statusCode(), body);
            assertTrue(json(response).get("error").asText().contains("nothing was changed"));
        }
        String deep = "{\"a\":".repeat(5000) + "1" + "}".repeat(5000);
        assertEquals(400, send("PATCH", "/config", deep, login("secret")).statusCode());
        String auth = "Authorization: " + login("secret")[1] + "\r\n";
        assertTrue(raw("PATCH /config HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + auth + "\r\n")
                .startsWith("HTTP/1.1 411 "));
        assertTrue(raw("PATCH /config HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n" + auth + "\r\n{")
                .startsWith("HTTP/1.1 413 "));
        assertEquals(List.of(), agent.asked);
    }

    @Test
    void otherMethodsAreNotSupported() throws Exception {
        assertEquals(501, send("POST", "/history", "{}").statusCode());
        assertEquals(501, send("DELETE", "/config", null).statusCode());
        assertEquals(501, send("PATCH", "/primary", "{}").statusCode());
        assertEquals(503, get("/favicon.ico").statusCode());
    }

    /** The door of this test closes connections that are idle for a second. */
    @Test
    void anOrderMayTakeLongerThanAConnectionMayBeIdle() throws Exception {
        agent.whileAsked = () -> {
            try {
                TimeUnit.MILLISECONDS.sleep(4200);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        };
        agent.answer = new Answer(200, "restarted successfully");
        Future<String> old;
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            old = threads.submit(
                    () -> raw("POST /restart HTTP/1.0\r\nAuthorization: " + login("secret")[1] + "\r\n\r\n"));
            HttpResponse<String> response = send("POST", "/restart", null, login("secret"));
            assertEquals(200, response.statusCode());
            assertEquals("restarted successfully", response.body());
        }
        assertTrue(old.get().startsWith("HTTP/1.0 200 OK\r\n"), old.get());
    }

    @Test
    void silentConnectionsAreClosedAndDelayNobody() throws Exception {
        List<Socket> silent = new ArrayList<>();
        try {
            for (int i = 0; i < 20; i++) {
                Socket s = new Socket(HOST, door.port());
                s.setSoTimeout(8000);
                if (i % 2 == 0) {
                    s.getOutputStream().write("GET /primary HT".getBytes(StandardCharsets.US_ASCII));
                }
                silent.add(s);
            }
            long start = System.nanoTime();
            assertEquals(200, get("/primary").statusCode());
            assertTrue(System.nanoTime() - start < 1_000_000_000L);
            for (Socket s : silent) {
                s.getInputStream().readAllBytes();
            }
        } finally {
            for (Socket s : silent) {
                s.close();
            }
        }
    }

    @Test
    void aBodyThatComesSlowlyIsNotWaitedForForever() throws Exception {
        String auth = "Authorization: " + login("secret")[1] + "\r\n";
        String stuck = raw("PATCH /config HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n" + auth + "\r\n{");
        assertTrue(stuck.startsWith("HTTP/1.1 408 ") && stuck.contains("\"error\""), stuck);
        String old = raw("PATCH /config HTTP/1.0\r\nContent-Length: 10\r\n" + auth + "\r\n{");
        assertTrue(old.isEmpty() || old.startsWith("HTTP/1.0 408 "), old);
        long start = System.nanoTime();
        try (Socket drops = new Socket(HOST, door.port())) {
            drops.getOutputStream()
                    .write(("PATCH /config HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n" + auth + "\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            assertThrows(IOException.class, () -> {
                for (int i = 0; i < 100; i++) {
                    drops.getOutputStream().write('{');
                    TimeUnit.MILLISECONDS.sleep(100);
                }
            });
        }
        assertTrue(System.nanoTime() - start < 9_000_000_000L);
        assertEquals(List.of(), agent.asked);
    }

    /** A hundred megabytes in chunks, whose end nobody announced. */
    @Test
    void aBodyWithoutEndIsNotReadToItsEnd() throws Exception {
        byte[] chunk = ("10000\r\n" + " ".repeat(0x10000) + "\r\n").getBytes(StandardCharsets.US_ASCII);
        String auth = "Authorization: " + login("secret")[1] + "\r\n";
        int sent = 0;
        try (Socket socket = new Socket(HOST, door.port())) {
            socket.setSoTimeout(8000);
            socket.getOutputStream()
                    .write(("PATCH /config HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + auth + "\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            try {
                while (sent < 1600) {
                    socket.getOutputStream().write(chunk);
                    sent++;
                }
            } catch (IOException closed) {
                assertTrue(sent > 0);
            }
        }
        assertTrue(sent < 400, sent + " chunks were taken");
        assertEquals(200, get("/primary").statusCode());
        assertEquals(List.of(), agent.asked);
    }

    @Test
    @Timeout(40)
    void clientsThatNeverReadAreLeft() throws Exception {
        byte[] questions =
                "GET /openapi HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200).getBytes(StandardCharsets.US_ASCII);
        List<Socket> deaf = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> ends = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                Socket s = new Socket();
                s.setReceiveBufferSize(4096);
                s.connect(new java.net.InetSocketAddress(HOST, door.port()));
                deaf.add(s);
                ends.add(threads.submit(() -> {
                    try {
                        while (true) {
                            s.getOutputStream().write(questions);
                        }
                    } catch (IOException closed) {
                        return;
                    }
                }));
            }
            for (int i = 0; i < 20; i++) {
                long start = System.nanoTime();
                assertEquals(200, get("/primary").statusCode());
                assertTrue(System.nanoTime() - start < 1_000_000_000L);
            }
            for (Future<?> end : ends) {
                end.get(20, TimeUnit.SECONDS);
            }
        } finally {
            for (Socket s : deaf) {
                s.close();
            }
        }
    }

    @Test
    void aTakenPortIsNamed() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, java.net.InetAddress.getByName(HOST))) {
            IOException e = assertThrows(
                    IOException.class,
                    () -> RestDoor.open(new RestSettings(HOST, taken.getLocalPort(), Optional.empty()), agent));
            assertTrue(e.getMessage().contains(HOST + ":" + taken.getLocalPort()), e.getMessage());
        }
        IOException e = assertThrows(
                IOException.class, () -> RestDoor.open(new RestSettings("203.0.113.9", 8008, Optional.empty()), agent));
        assertTrue(e.getMessage().contains("203.0.113.9:8008"), e.getMessage());
    }
}
