package dev.matriarch.etcd;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.matriarch.dcs.http.TlsFiles;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A server in front of etcd, or in its place, that answers as a test wants it to. */
final class Door implements AutoCloseable {
    record Reply(int status, String body, Map<String, String> headers) {
        Reply(int status, String body) {
            this(status, body, Map.of());
        }
    }

    /** @param path with its query */
    record Request(String method, String path, String body) {}

    interface Answers {
        /** @return empty: the connection ends without a word */
        Optional<Reply> to(String path, String body) throws Exception;
    }

    interface Exchanges {
        /** @return empty: the connection ends without a word */
        Optional<Reply> to(Request request) throws Exception;
    }

    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Exchanges exchanges;
    private volatile boolean silent;

    Door(Answers answers) throws IOException {
        this(request -> answers.to(URI.create(request.path()).getPath(), request.body()));
    }

    Door(Exchanges exchanges) throws IOException {
        this.exchanges = exchanges;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            Optional<Reply> reply;
            if (silent) {
                return;
            }
            try {
                reply = exchanges.to(new Request(
                        exchange.getRequestMethod(), exchange.getRequestURI().toString(), body));
            } catch (Exception e) {
                reply = Optional.empty();
            }
            if (reply.isPresent()) {
                reply.get().headers().forEach(exchange.getResponseHeaders()::set);
                byte[] text = reply.get().body().getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(reply.get().status(), text.length);
                exchange.getResponseBody().write(text);
            }
        }
    }

    /** From now on every connection ends without a word. */
    void silent(boolean now) {
        silent = now;
    }

    /** What etcd says to it. */
    static Optional<Reply> pass(URI etcd, String path, String body) throws Exception {
        try (HttpClient http = HttpClient.newHttpClient()) {
            HttpRequest.Builder request =
                    HttpRequest.newBuilder(etcd.resolve(path)).timeout(Duration.ofSeconds(10));
            request = body.isEmpty() ? request.GET() : request.POST(HttpRequest.BodyPublishers.ofString(body));
            HttpResponse<String> reply = http.send(request.build(), HttpResponse.BodyHandlers.ofString());
            return Optional.of(new Reply(reply.statusCode(), reply.body()));
        }
    }

    /** The same, by etcd's v2 API. */
    static Optional<Reply> pass(URI etcd, Request sent) throws Exception {
        try (HttpClient http = HttpClient.newHttpClient()) {
            HttpResponse<String> reply = http.send(
                    HttpRequest.newBuilder(etcd.resolve(sent.path()))
                            .timeout(Duration.ofSeconds(10))
                            .header("Content-Type", "application/x-www-form-urlencoded")
                            .method(sent.method(), HttpRequest.BodyPublishers.ofString(sent.body()))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            Map<String, String> origin = new HashMap<>();
            reply.headers().map().forEach((name, values) -> {
                if (name.toLowerCase(Locale.ROOT).startsWith("x-")) {
                    origin.put(name, values.getFirst());
                }
            });
            return Optional.of(new Reply(reply.statusCode(), reply.body(), origin));
        }
    }

    URI address() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    }

    /** These addresses and no others. */
    static EtcdSettings settings(String scope, URI... addresses) {
        return new EtcdSettings(
                EtcdSettings.base("service", scope),
                List.of(addresses),
                Optional.empty(),
                true,
                Optional.empty(),
                TlsFiles.NONE);
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
