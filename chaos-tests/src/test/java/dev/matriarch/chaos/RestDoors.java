package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Asks REST doors as anybody may, and fails by what they should have said. */
final class RestDoors {
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient CLIENT = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(2))
            .build();

    private RestDoors() {}

    record Answer(int status, String body, HttpResponse<String> response) {
        JsonNode json() {
            try {
                return JSON.readTree(body);
            } catch (IOException e) {
                throw new AssertionError(body, e);
            }
        }
    }

    static Answer ask(Node node, String methodAndPath, String body, String... headers) {
        String[] words = methodAndPath.split(" ");
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(node.rest() + words[1]))
                .timeout(Duration.ofSeconds(40))
                .method(
                        words[0],
                        body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
        if (headers.length > 0) {
            request.headers(headers);
        }
        try {
            HttpResponse<String> response = CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString());
            return new Answer(response.statusCode(), response.body(), response);
        } catch (IOException e) {
            return new Answer(0, e.toString(), null);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    static Answer get(Node node, String path) {
        return ask(node, "GET " + path, null);
    }

    static void expect(Node node, String request, String body, int status, String text) {
        Answer answer = ask(node, request, body);
        assertEquals(status, answer.status(), request + " " + body + ": " + answer.body());
        assertTrue(answer.body().contains(text), request + " " + body + ": " + answer.body());
        boolean ownFault = status == 400 || status == 411 || status == 422 || status == 501;
        assertEquals(ownFault, answer.body().startsWith("{\"error\""), answer.body());
    }

    static void patch(Cluster cluster, String json) {
        Answer answer = ask(cluster.nodes().getFirst(), "PATCH /config", json);
        assertEquals(200, answer.status(), answer.body());
    }

    static void eventually(String what, BooleanSupplier condition) {
        Await.until(what, SOON, condition);
    }
}
