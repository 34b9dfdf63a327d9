package dev.matriarch.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.kubernetes.KubernetesSettings.LeaderEndpoints;
import dev.matriarch.kubernetes.KubernetesSettings.Plain;
import dev.matriarch.kubernetes.KubernetesSettings.Port;
import dev.matriarch.kubernetes.KubernetesSettings.Roles;
import io.fabric8.kubernetes.client.server.mock.KubernetesCrudDispatcher;
import io.fabric8.kubernetes.client.server.mock.KubernetesMockServer;
import io.fabric8.mockwebserver.Context;
import io.fabric8.mockwebserver.MockWebServer;
import io.fabric8.mockwebserver.dsl.HttpMethod;
import io.fabric8.mockwebserver.http.Buffer;
import io.fabric8.mockwebserver.http.Dispatcher;
import io.fabric8.mockwebserver.http.MockResponse;
import io.fabric8.mockwebserver.http.RecordedRequest;
import io.fabric8.mockwebserver.http.Response;
import io.fabric8.mockwebserver.http.WebSocket;
import io.fabric8.mockwebserver.http.WebSocketListener;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.LoggerFactory;

/** Fabric8's API server, which keeps objects in memory and compares versions; it can be silent, lie and refuse. */
final class ApiServers implements AutoCloseable {
    /** What happens to a request instead of being carried out; empty: nothing does. */
    interface Fault {
        Optional<MockResponse> to(RecordedRequest request, Dispatcher real);
    }

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final java.util.logging.Logger CHATTER =
            java.util.logging.Logger.getLogger("io.fabric8.mockwebserver");

    static {
        CHATTER.setLevel(java.util.logging.Level.OFF);
        ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger("ROOT")).setLevel(ch.qos.logback.classic.Level.INFO);
        // It wonders at the silence that tests ask for.
        ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger("io.vertx"))
                .setLevel(ch.qos.logback.classic.Level.OFF);
    }

    private final KubernetesMockServer server;
    private volatile CountDownLatch frozen = new CountDownLatch(0);
    private volatile Fault fault = (request, real) -> Optional.empty();
    private final Map<WebSocket, Muffled> watches = new ConcurrentHashMap<>();
    final List<RecordedRequest> asked = new CopyOnWriteArrayList<>();

    ApiServers() {
        KubernetesCrudDispatcher real = new KubernetesCrudDispatcher();
        Dispatcher carryOut = merging(real);
        Dispatcher gate = new Dispatcher() {
            @Override
            public MockResponse dispatch(RecordedRequest request) {
                asked.add(request);
                try {
                    if (!frozen.await(60, TimeUnit.SECONDS)) {
                        return status(500, "frozen for too long");
                    }
                } catch (InterruptedException e) {
                    return status(500, "interrupted");
                }
                return fault.to(request, carryOut).orElseGet(() -> offloaded(carryOut.dispatch(request)));
            }

            @Override
            public void shutdown() {
                frozen.countDown();
                real.shutdown();
            }

            @Override
            public void releaseResources() {
                real.releaseResources();
            }
        };
        server = new KubernetesMockServer(new Context(), new MockWebServer(), new HashMap<>(), gate, false);
        server.init(InetAddress.getLoopbackAddress(), 0);
    }

    /** Fabric8's server keeps what a merge patch takes away, and adds to lists: here it is done as RFC 7386 has it. */
    private static Dispatcher merging(Dispatcher real) {
        return new Dispatcher() {
            @Override
            public MockResponse dispatch(RecordedRequest request) {
                if (!request.getMethod().equals("PATCH")) {
                    return real.dispatch(request);
                }
                MockResponse present = real.dispatch(as(request, HttpMethod.GET, ""));
                if (present.code() != 200) {
                    return present;
                }
                try {
                    JsonNode object = JSON.readTree(present.getBody().readUtf8());
                    JsonNode patch = JSON.readTree(request.getBody().readUtf8());
                    return real.dispatch(
                            as(request, HttpMethod.PUT, merged(object, patch).toString()));
                } catch (IOException e) {
                    return status(400, "not JSON");
                }
            }
        };
    }

    static RecordedRequest as(RecordedRequest request, HttpMethod method, String body) {
        return new RecordedRequest(
                request.getHttpVersion(),
                method,
                request.getPath(),
                request.getHeaders(),
                new Buffer(body.getBytes(StandardCharsets.UTF_8)));
    }

    private static JsonNode merged(JsonNode object, JsonNode patch) {
        if (!(patch instanceof ObjectNode changes)) {
            return patch;
        }
        ObjectNode result = object instanceof ObjectNode present ? present.deepCopy() : JSON.createObjectNode();
        changes.properties().forEach(change -> {
            if (change.getValue().isNull()) {
                result.remove(change.getKey());
            } else {
                result.set(change.getKey(), merged(result.path(change.getKey()), change.getValue()));
            }
        });
        return result;
    }

    /** The server waits for the end of a watch on the thread that would bring it: others have to do that. */
    private MockResponse offloaded(MockResponse response) {
        WebSocketListener real = response.getWebSocketListener();
        if (real == null) {
            return response;
        }
        return response.withWebSocketUpgrade(new WebSocketListener() {
            @Override
            public void onBeforeAccept(WebSocket socket, Response answer) {
                real.onBeforeAccept(watches.computeIfAbsent(socket, Muffled::new), answer);
            }

            @Override
            public void onOpen(WebSocket socket, Response answer) {
                real.onOpen(watches.computeIfAbsent(socket, Muffled::new), answer);
            }

            @Override
            public void onClosing(WebSocket socket, int code, String reason) {
                real.onClosing(watches.getOrDefault(socket, new Muffled(socket)), code, reason);
            }

            @Override
            public void onClosed(WebSocket socket, int code, String reason) {
                Muffled gone = gone(socket);
                Thread.ofVirtual().start(() -> real.onClosed(gone, code, reason));
            }

            @Override
            public void onFailure(WebSocket socket, Throwable error, Response answer) {
                Muffled gone = gone(socket);
                Thread.ofVirtual().start(() -> real.onFailure(gone, error, answer));
            }
        });
    }

    private Muffled gone(WebSocket socket) {
        Muffled gone = watches.remove(socket);
        return gone == null ? new Muffled(socket) : gone;
    }

    /** What the server says to a watch; it may get lost. */
    private static final class Muffled implements WebSocket {
        private final WebSocket socket;
        private volatile boolean mute;

        Muffled(WebSocket socket) {
            this.socket = socket;
        }

        @Override
        public RecordedRequest request() {
            return socket.request();
        }

        @Override
        public boolean send(String text) {
            return mute || socket.send(text);
        }

        @Override
        public boolean send(byte[] bytes) {
            return mute || socket.send(bytes);
        }

        @Override
        public boolean close(int code, String reason) {
            return mute || socket.close(code, reason);
        }
    }

    /** The watches that are open now stay open, and hear nothing any more. */
    void muteWatches() {
        watches.values().forEach(watch -> watch.mute = true);
    }

    /** Says to each watch that what it wants to know was forgotten. */
    void forgetThePast() {
        for (WebSocket socket : watches.values()) {
            socket.send(
                    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\","
                            + "\"message\":\"too old resource version\",\"reason\":\"Expired\",\"code\":410}}");
        }
    }

    void dropWatches() {
        watches.values().forEach(socket -> socket.close(1001, "going away"));
    }

    static MockResponse status(int code, String message) {
        return new MockResponse()
                .setResponseCode(code)
                .setBody("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"message\":\"" + message + "\",\"code\":" + code
                        + "}");
    }

    void freeze() {
        frozen = new CountDownLatch(1);
    }

    void thaw() {
        frozen.countDown();
    }

    void fault(Fault wanted) {
        fault = wanted;
    }

    void noFault() {
        fault = (request, real) -> Optional.empty();
    }

    URI address() {
        return URI.create("http://127.0.0.1:" + server.getPort() + "/");
    }

    KubernetesSettings settings(String scope, String member, boolean endpoints) {
        return new KubernetesSettings(
                new Plain(address()),
                "ns-" + scope,
                scope,
                Optional.empty(),
                member,
                Map.of("application", "patroni"),
                "cluster-name",
                new Roles("role", "primary", "replica", "primary", Optional.empty()),
                Map.of(),
                endpoints
                        ? Optional.of(new LeaderEndpoints(
                                Optional.of("10.0.0.1"),
                                List.of(new Port(5432, Optional.of("postgresql"), Optional.empty()))))
                        : Optional.empty(),
                false,
                Set.of());
    }

    @Override
    public void close() {
        frozen.countDown();
        server.destroy();
    }
}
