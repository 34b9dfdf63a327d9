package dev.matriarch.kubernetes;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.kubernetes.KubernetesSettings.Plain;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** No call takes longer than it may, and none leaves anything behind. */
class DeadlinesTest {
    private static final Duration LONG = Duration.ofSeconds(60);

    private static KubernetesApi api(URI server) throws Exception {
        return new KubernetesApi(Connection.client(new Plain(server)), Set.of());
    }

    private static HttpServer web(com.sun.net.httpserver.HttpHandler handler) throws Exception {
        HttpServer web = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        web.createContext("/", handler);
        web.start();
        return web;
    }

    /** Another thread asks about the lock already, and has more time. */
    @Test
    void aCallThatHasToWaitForAnotherEndsInItsOwnTime() throws Exception {
        try (ApiServers server = new ApiServers();
                MockCluster cluster = new MockCluster(server, "turn", false);
                KubernetesDcs n1 = (KubernetesDcs) cluster.connect("n1")) {
            long epoch = epoch(n1.acquireLeader("n1", LONG, Long.MAX_VALUE, TIMEOUT));
            server.freeze();
            server.asked.clear();
            CompletableFuture<WriteResult> slow = new CompletableFuture<>();
            Thread.ofVirtual().start(() -> {
                try {
                    slow.complete(n1.writeFailsafe("n1", epoch, Map.of("n1", "http://n1/"), LONG));
                } catch (DcsException e) {
                    slow.completeExceptionally(e);
                }
            });
            await(
                    TIMEOUT,
                    "it asks",
                    () -> server.asked.stream().anyMatch(r -> r.getMethod().equals("PATCH")));
            long begun = System.nanoTime();
            assertThrows(
                    DcsException.class,
                    () -> n1.renewLeader("n1", epoch, LONG, Optional.empty(), Duration.ofMillis(500)));
            assertTrue(System.nanoTime() - begun < Duration.ofSeconds(20).toNanos());
            assertTrue(!slow.isDone());
            server.thaw();
            assertInstanceOf(WriteResult.Written.class, slow.get(60, TimeUnit.SECONDS));
        }
    }

    /** Such as for an admission webhook: the leader's renewals come before what keeps controllers from tidying up. */
    @Test
    void aServiceThatCannotBeMadeInTimeHoldsNothingUp() throws Exception {
        CountDownLatch end = new CountDownLatch(1);
        try (ApiServers server = new ApiServers();
                MockCluster cluster = new MockCluster(server, "service", true);
                KubernetesDcs n1 = (KubernetesDcs) cluster.connect("n1")) {
            long epoch = epoch(n1.acquireLeader("n1", LONG, Long.MAX_VALUE, TIMEOUT));
            server.fault((request, real) -> {
                if (!request.getPath().endsWith("/services")) {
                    return Optional.empty();
                }
                try {
                    end.await(40, TimeUnit.SECONDS);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                return Optional.of(ApiServers.status(500, "on purpose"));
            });
            long begun = System.nanoTime();
            SyncState nobody = new SyncState("n1", new TreeSet<>(), 0);
            assertInstanceOf(
                    WriteResult.Written.class,
                    n1.writeSync("n1", epoch, Optional.of(nobody), Expected.anything(), LONG));
            assertTrue(System.nanoTime() - begun < LONG.toNanos() / 2);
            end.countDown();
        }
    }

    @Test
    void anAnswerThatStopsInItsMiddleLeavesNoConnection() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
                KubernetesApi api = api(URI.create("http://127.0.0.1:" + server.getLocalPort() + "/"))) {
            CompletableFuture<Integer> end = new CompletableFuture<>();
            Thread.ofVirtual().start(() -> {
                try (Socket socket = server.accept()) {
                    socket.setSoTimeout(60_000);
                    socket.getOutputStream()
                            .write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
                                    .getBytes(StandardCharsets.US_ASCII));
                    int last;
                    do {
                        last = socket.getInputStream().read();
                    } while (last >= 0);
                    end.complete(last);
                } catch (java.net.SocketTimeoutException e) {
                    end.completeExceptionally(e);
                } catch (java.io.IOException e) {
                    // Closed the hard way.
                    end.complete(-1);
                }
            });
            assertThrows(DcsException.class, () -> api.get("/api", new Budget(Duration.ofSeconds(1))));
            assertEquals(-1, end.get(60, TimeUnit.SECONDS));
        }
    }

    @Test
    void aServerThatSaysAtOnceIsNotAskedWithoutAPause() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        HttpServer web = web(exchange -> {
            asked.incrementAndGet();
            exchange.getResponseHeaders().add("Retry-After", "0");
            exchange.sendResponseHeaders(503, -1);
            exchange.close();
        });
        try (KubernetesApi api =
                api(URI.create("http://127.0.0.1:" + web.getAddress().getPort() + "/"))) {
            assertThrows(DcsException.class, () -> api.get("/api", new Budget(Duration.ofSeconds(1))));
            assertTrue(asked.get() <= 4, () -> asked + " requests in a second");
        } finally {
            web.stop(0);
        }
    }

    /** Of each member, for as long as the right is missing or the server has too much to do. */
    @Test
    void aWatchThatIsRefusedIsNotAskedForInHaste() throws Exception {
        List<Long> asked = new CopyOnWriteArrayList<>();
        try (ApiServers server = new ApiServers();
                MockCluster cluster = new MockCluster(server, "haste", false)) {
            server.fault((request, real) -> {
                if (!request.getPath().contains("watch=true")
                        || !request.getPath().contains("/pods")) {
                    return Optional.empty();
                }
                asked.add(System.nanoTime());
                return Optional.of(ApiServers.status(403, "on purpose"));
            });
            try (KubernetesDcs n1 = cluster.connect(cluster.settings)) {
                await(
                        LONG,
                        "the pauses grow",
                        () -> asked.size() > 1
                                && asked.getLast() - asked.get(asked.size() - 2)
                                        > Duration.ofMillis(900).toNanos());
                assertTrue(asked.size() <= 12, () -> asked.size() + " requests until then");
                server.noFault();
                assertTrue(n1.read(TIMEOUT).isUnlocked());
            }
        }
    }

    @Test
    void aServerBelowAPathIsAskedThere() throws Exception {
        List<String> asked = new CopyOnWriteArrayList<>();
        HttpServer web = web(exchange -> {
            asked.add(exchange.getRequestURI().toString());
            exchange.sendResponseHeaders(404, -1);
            exchange.close();
        });
        URI server = URI.create("http://127.0.0.1:" + web.getAddress().getPort() + "/k8s/clusters/c-1");
        try (KubernetesApi api = api(server)) {
            KubeObjects objects = new KubeObjects(api, "databases", "configmaps", "ConfigMap", Map.of("a", "b"));
            assertEquals(Optional.empty(), objects.get("demo-leader", new Budget(TIMEOUT)));
            assertEquals(List.of("/k8s/clusters/c-1/api/v1/namespaces/databases/configmaps/demo-leader"), asked);
        } finally {
            web.stop(0);
        }
    }
}
