package dev.matriarch.rest;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader;
import io.helidon.common.concurrency.limits.Limit;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.spi.ServerConnection;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * HTTP/1.0 for the clients that still speak it, load balancers' plain health checks above all: one request, one answer,
 * then the connection is closed.
 */
final class Http10 implements ServerConnection {
    private static final Logger LOG = LoggerFactory.getLogger(Http10.class);
    private static final int MAX_LINE = 8192;
    private static final int MAX_HEADERS = 100;

    private final ConnectionContext context;
    private final Questions routes;
    private final Duration patience;
    private final long opened = System.nanoTime();
    private volatile Thread thread;

    Http10(ConnectionContext context, Questions routes, Duration patience) {
        this.context = context;
        this.routes = routes;
        this.patience = patience;
    }

    @Override
    public void handle(Limit limit) {
        thread = Thread.currentThread();
        String[] first = line().split(" ");
        Map<String, String> headers = headers();
        Reply reply;
        if (first.length != 3) {
            reply = Reply.error(400, "the request line is not METHOD PATH HTTP/1.0");
        } else {
            reply = answer(first[0], first[1], headers);
        }
        boolean bodiless = first[0].equals("HEAD") || first[0].equals("OPTIONS");
        write(reply, !bodiless);
        throw new CloseConnectionException("HTTP/1.0: one answer, then the connection is closed");
    }

    private Reply answer(String method, String target, Map<String, String> headers) {
        int question = target.indexOf('?');
        String path = question < 0 ? target : target.substring(0, question);
        String query = question < 0 ? "" : target.substring(question + 1);
        try {
            return routes.answer(new Request(
                    method,
                    decode(path),
                    Query.parse(query),
                    Carrier.caller(
                            context,
                            Optional.ofNullable(headers.get("authorization")),
                            Optional.ofNullable(headers.get("accept"))),
                    new Http10Body(headers)));
        } catch (CloseConnectionException e) {
            throw e;
        } catch (RuntimeException e) {
            LOG.error("{} {} failed", method, path, e);
            return Reply.error(500, "the agent failed to answer; its log says why");
        }
    }

    private void write(Reply reply, boolean withBody) {
        StringBuilder head = new StringBuilder(160)
                .append("HTTP/1.0 ")
                .append(reply.status())
                .append(' ')
                .append(Status.create(reply.status()).reasonPhrase())
                .append("\r\nContent-Type: ")
                .append(reply.contentType())
                .append("\r\nContent-Length: ")
                .append(reply.body().length)
                .append("\r\nConnection: close\r\n");
        reply.headers()
                .forEach((name, value) ->
                        head.append(name).append(": ").append(value).append("\r\n"));
        byte[] start = head.append("\r\n").toString().getBytes(StandardCharsets.US_ASCII);
        BufferData data = BufferData.create(start.length + reply.body().length);
        data.write(start);
        if (withBody) {
            data.write(reply.body());
        }
        context.dataWriter().writeNow(data);
    }

    private Map<String, String> headers() {
        Map<String, String> headers = new TreeMap<>();
        for (int i = 0; i < MAX_HEADERS; i++) {
            String line = line();
            if (line.isEmpty()) {
                return headers;
            }
            int colon = line.indexOf(':');
            if (colon > 0) {
                headers.put(
                        line.substring(0, colon).strip().toLowerCase(Locale.ROOT),
                        line.substring(colon + 1).strip());
            }
        }
        throw new CloseConnectionException("more than " + MAX_HEADERS + " header lines");
    }

    private String line() {
        DataReader reader = context.dataReader();
        StringBuilder line = new StringBuilder(80);
        while (line.length() < MAX_LINE) {
            checkPatience();
            char c = (char) (next(reader) & 0xFF);
            if (c == '\n') {
                return line.toString().strip();
            }
            line.append(c);
        }
        throw new CloseConnectionException("a line of the request is longer than " + MAX_LINE + " bytes");
    }

    private void checkPatience() {
        if (System.nanoTime() - opened > patience.toNanos()) {
            throw new CloseConnectionException("the request did not arrive within " + patience.toSeconds() + " s");
        }
    }

    private static byte next(DataReader reader) {
        try {
            return reader.read();
        } catch (DataReader.InsufficientDataAvailableException e) {
            throw new CloseConnectionException("the client went away", e);
        }
    }

    private static String decode(String path) {
        try {
            return URLDecoder.decode(path.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return path;
        }
    }

    @Override
    public Duration idleTime() {
        return Duration.ofNanos(System.nanoTime() - opened);
    }

    @Override
    public void close(boolean interrupt) {
        Thread running = thread;
        if (running != null) {
            running.interrupt();
        }
    }

    private final class Http10Body implements Request.Body {
        private final Optional<String> length;

        Http10Body(Map<String, String> headers) {
            length = Optional.ofNullable(headers.get("content-length"));
        }

        @Override
        public boolean announced() {
            return length.isPresent();
        }

        @Override
        public Optional<byte[]> read() throws IOException {
            long announced;
            try {
                announced = Long.parseLong(length.orElse("0"));
            } catch (NumberFormatException e) {
                throw new IOException("Content-Length is not a number", e);
            }
            if (announced < 0 || announced > Request.MAX_BODY_BYTES) {
                return Optional.empty();
            }
            byte[] body = new byte[(int) announced];
            for (int i = 0; i < body.length; i++) {
                checkPatience();
                body[i] = next(context.dataReader());
            }
            return Optional.of(body);
        }
    }
}
