package dev.matriarch.chaos;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;

/** GET with a deadline. */
final class Http {
    private static final HttpClient CLIENT = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(1))
            .build();

    private Http() {}

    static int status(String url, Duration deadline) {
        return get(url, deadline).map(HttpResponse::statusCode).orElse(0);
    }

    /** Empty if nobody answered in time. */
    static Optional<HttpResponse<String>> get(String url, Duration deadline) {
        return send(HttpRequest.newBuilder(URI.create(url)).timeout(deadline).GET());
    }

    /** @param body in JSON. Empty if nobody answered in time. */
    static Optional<HttpResponse<String>> post(String url, String body, Duration deadline) {
        return send(HttpRequest.newBuilder(URI.create(url))
                .timeout(deadline)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body)));
    }

    private static Optional<HttpResponse<String>> send(HttpRequest.Builder builder) {
        try {
            HttpRequest request = builder.build();
            return Optional.of(CLIENT.send(request, HttpResponse.BodyHandlers.ofString()));
        } catch (IOException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }
}
