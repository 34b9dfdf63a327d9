package dev.matriarch.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Measure;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a listener answers. */
@Timeout(15)
@Tag("slow")
class StoreDoorTest {
    private static final String HOST = "127.0.0.1";
    private static final HttpClient CLIENT = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(3))
            .build();

    private volatile StoreView.Copy copy = fresh();
    private RestDoor door;

    private static StoreView.Fresh fresh() {
        return new StoreView.Fresh(
                FakeAgent.withConfig("{\"ttl\":5}"), false, false, Snapshot.SynchronousMode.OFF, OptionalLong.of(120));
    }

    private final class Window implements StoreView {
        @Override
        public String scope() {
            return "demo";
        }

        @Override
        public String name() {
            return "l1";
        }

        @Override
        public String version() {
            return "0.1.0";
        }

        @Override
        public Copy copy() {
            return copy;
        }

        @Override
        public List<Measure> measures() {
            return List.of(
                    Measure.gauge("raft_healthy", "1 if it hears a majority.", 1),
                    new Measure.Histogram("raft_fsync_seconds", "Disk.", List.of(0.001), List.of(3L, 2L), 0.5));
        }
    }

    @BeforeEach
    void open() throws IOException {
        door = RestDoor.open(new RestSettings(HOST, 0, Optional.empty(), Duration.ofSeconds(5), 100), new Window());
    }

    @AfterEach
    void close() {
        door.close();
    }

    private HttpResponse<String> send(String method, String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + HOST + ":" + door.port() + path))
                .timeout(Duration.ofSeconds(5))
                .method(method, HttpRequest.BodyPublishers.noBody())
                .build();
        return CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
    }

    private HttpResponse<String> get(String path) throws Exception {
        return send("GET", path);
    }

    @Test
    void aCopyInTouchAnswersAndSaysHowOldItIs() throws Exception {
        HttpResponse<String> cluster = get("/cluster");
        assertEquals(200, cluster.statusCode(), cluster.body());
        assertTrue(cluster.body().contains("\"role\":\"leader\""), cluster.body());
        assertTrue(cluster.body().contains("\"scope\":\"demo\""), cluster.body());
        assertEquals(
                "0.120", cluster.headers().firstValue("Matriarch-Store-Age").orElseThrow());
        assertEquals("{\"ttl\":5}", get("/config").body());
        assertTrue(get("/history").body().startsWith("["));
        assertEquals(200, get("/readiness").statusCode());
        assertTrue(get("/patroni").body().contains("\"state\":\"listening\",\"role\":\"listener\""));
        HttpResponse<String> metrics = get("/metrics");
        assertTrue(metrics.body().contains("matriarch_raft_healthy{name=\"l1\",scope=\"demo\"} 1.0"), metrics.body());
        assertTrue(
                metrics.body()
                        .contains("matriarch_raft_fsync_seconds_bucket{name=\"l1\",scope=\"demo\",le=\"+Inf\"} 5"),
                metrics.body());
        assertTrue(metrics.body().contains("patroni_cluster_unlocked{name=\"l1\",scope=\"demo\"} 0.0"), metrics.body());
        assertFalse(metrics.body().contains("patroni_primary"), metrics.body());
    }

    @Test
    void aCopyOutOfTouchSaysWhyAndNothingElse() throws Exception {
        copy = new StoreView.Stale("no contact with the majority for 6000 ms", OptionalLong.of(6000));
        for (String path : new String[] {"/cluster", "/history", "/config"}) {
            HttpResponse<String> reply = get(path);
            assertEquals(503, reply.statusCode(), path);
            assertTrue(reply.body().contains("no contact with the majority for 6000 ms"), reply.body());
            assertFalse(reply.body().contains("leader\""), reply.body());
            assertEquals(
                    "6.000", reply.headers().firstValue("Matriarch-Store-Age").orElseThrow());
        }
        assertEquals(503, get("/readiness").statusCode());
        // Starting it anew would not help.
        assertEquals(200, get("/liveness").statusCode());
        HttpResponse<String> status = get("/patroni");
        assertEquals(200, status.statusCode());
        assertTrue(status.body().contains("\"state\":\"out of touch\""), status.body());
        assertTrue(get("/metrics").body().contains("patroni_cluster_unlocked{name=\"l1\",scope=\"demo\"} 1.0"));
        copy = new StoreView.Stale("it waits to be taken in", OptionalLong.empty());
        assertTrue(get("/cluster").headers().firstValue("Matriarch-Store-Age").isEmpty());
    }

    @Test
    void noHealthCheckFindsAServerHereAndNoOrderIsTaken() throws Exception {
        for (String path : HealthCheck.PATHS) {
            boolean ofTheProcess = path.equals("/liveness") || path.equals("/readiness");
            assertEquals(ofTheProcess ? 200 : 503, get(path).statusCode(), path);
            assertEquals(ofTheProcess ? 200 : 503, send("OPTIONS", path).statusCode(), path);
        }
        assertEquals(503, get("/ui").statusCode());
        for (String method : new String[] {"POST", "PATCH", "PUT", "DELETE"}) {
            HttpResponse<String> refused = send(method, "/config");
            assertEquals(501, refused.statusCode(), method);
            assertTrue(refused.body().contains("a listener, which only reads"), refused.body());
        }
    }
}
