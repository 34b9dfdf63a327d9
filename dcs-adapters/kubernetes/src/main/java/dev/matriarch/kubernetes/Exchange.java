package dev.matriarch.kubernetes;

import io.fabric8.kubernetes.client.http.AsyncBody;
import io.fabric8.kubernetes.client.http.HttpClient;
import io.fabric8.kubernetes.client.http.HttpRequest;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;

/**
 * One request and its answer. The client's own times end with the headers, and what it gives back cannot be cancelled: an answer that
 * stops in its middle would keep its connection for as long as the other side does. Any thread.
 */
final class Exchange {
    /** @param retryAfter as the header has it */
    record Answer(int code, Optional<String> retryAfter, String body) {}

    private final ByteArrayOutputStream received = new ByteArrayOutputStream();
    private AsyncBody body;
    private boolean over;

    CompletableFuture<Answer> begin(HttpClient http, HttpRequest request) {
        if (isOver()) {
            return CompletableFuture.failedFuture(new CancellationException("the time was up before it was begun"));
        }
        return http.consumeBytes(request, this::take).thenCompose(head -> {
            if (!takes(head.body())) {
                head.body().cancel();
            }
            head.body().consume();
            return head.body()
                    .done()
                    .thenApply(end ->
                            new Answer(head.code(), Optional.ofNullable(head.header("Retry-After")), received()));
        });
    }

    private synchronized boolean isOver() {
        return over;
    }

    private synchronized boolean takes(AsyncBody begun) {
        body = begun;
        return !over;
    }

    private void take(List<ByteBuffer> part, AsyncBody from) {
        synchronized (received) {
            for (ByteBuffer bytes : part) {
                byte[] copy = new byte[bytes.remaining()];
                bytes.get(copy);
                received.writeBytes(copy);
            }
        }
        from.consume();
    }

    private String received() {
        synchronized (received) {
            return received.toString(StandardCharsets.UTF_8);
        }
    }

    /** What has not come by now is not waited for. */
    void end() {
        AsyncBody begun;
        synchronized (this) {
            over = true;
            begun = body;
        }
        if (begun != null) {
            begun.cancel();
        }
    }
}
