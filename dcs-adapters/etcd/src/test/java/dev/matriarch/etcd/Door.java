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
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A server in front of etcd, or in its place, that answers as a test wants it to. */
final class Door implements AutoCloseable {
    record Reply(int status, String body) {}

    interface Answers {
        /** @return empty: the connection ends without a word */
        Optional<Reply> to(String path, String body) throws Exception;
    }

    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Answers answers;

    Door(Answers answers) throws IOException {
        this.answers = answers;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            Optional<Reply> reply;
            try {
                reply = answers.to(exchange.getRequestURI().getPath(), body);
            } catch (Exception e) {
                reply = Optional.empty();
            }
            if (reply.isPresent()) {
                byte[] text = reply.get().body().getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(reply.get().status(), text.length);
                exchange.getResponseBody().write(text);
            }
        }
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
