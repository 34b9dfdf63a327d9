package dev.matriarch.rest;

import io.helidon.common.socket.SocketOptions;
import io.helidon.common.tls.Tls;
import io.helidon.http.HeaderNames;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One bound address, and the server behind it. Answers on virtual threads. */
final class Listener implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Listener.class);
    private static final Duration STOP_GRACE = Duration.ofMillis(200);

    private final WebServer server;
    private final OpenConnections connections;
    private final Optional<DoorTls> tls;
    private final RestSettings settings;

    private Listener(WebServer server, OpenConnections connections, Optional<DoorTls> tls, RestSettings settings) {
        this.server = server;
        this.connections = connections;
        this.tls = tls;
        this.settings = settings;
    }

    /** @throws IOException if the address cannot be bound or a certificate cannot be used; its message says what to do */
    static Listener open(RestSettings settings, Questions routes, UiStreams streams) throws IOException {
        InetAddress address = address(settings);
        Optional<DoorTls> tls = settings.tls().isPresent()
                ? Optional.of(new DoorTls(settings.tls().get(), settings.idleTimeout()))
                : Optional.empty();
        OpenConnections connections = new OpenConnections(settings.maxConnections());
        var builder = WebServer.builder()
                .shutdownHook(false)
                .address(address)
                .port(settings.port())
                .backlog(settings.backlog())
                .idleConnectionTimeout(settings.idleTimeout())
                .idleConnectionPeriod(settings.idleTimeout().dividedBy(2))
                .shutdownGracePeriod(STOP_GRACE)
                // Plain sockets: unlike Helidon's channels they obey a read timeout.
                .useNio(false)
                .connectionOptions(
                        new AcceptedSocketOptions(SocketOptions.create(), settings.idleTimeout(), connections))
                .featuresDiscoverServices(false)
                .protocolsDiscoverServices(false)
                // HAProxy's plain "option httpchk" speaks HTTP/1.0, which Helidon refuses.
                .addConnectionSelector(new ProtocolChoice(http11(), routes, settings.idleTimeout()))
                .routing(r -> r.any((request, response) -> answer(routes, streams, request, response)));
        tls.ifPresent(t -> builder.tls(Tls.builder().sslContext(t.context()).build()));
        WebServer server = builder.build();
        try {
            server.start();
        } catch (RuntimeException e) {
            server.stop();
            throw new IOException(
                    "the REST API cannot listen on " + settings.address() + ": " + rootMessage(e)
                            + "; free the port or change restapi.listen",
                    e);
        }
        if (!server.isRunning()) {
            throw new IOException(
                    "the REST API cannot listen on " + settings.address() + "; free the port or change restapi.listen");
        }
        LOG.info("REST API listens on {}{}", settings.address(), tls.isPresent() ? " with TLS" : "");
        return new Listener(server, connections, tls, settings);
    }

    int port() {
        return server.port();
    }

    RestSettings settings() {
        return settings;
    }

    /** Takes up the certificate files as they are now. */
    void certificates(RestSettings.Tls changed) throws IOException {
        if (tls.isPresent()) {
            tls.get().reload(changed);
        }
    }

    /** As {@link #certificates} with the settings of before, if a file has changed. */
    void certificatesIfChanged() throws IOException {
        if (tls.isPresent()) {
            tls.get().reloadIfChanged();
        }
    }

    /** Stops accepting, lets requests in flight finish for a moment, and closes every connection. */
    @Override
    public void close() {
        connections.end();
        server.stop();
        LOG.info("REST API on {} is closed", settings.address());
    }

    /** Health checks of load balancers often come without a Host header, which Patroni never asked for. */
    @SuppressWarnings("removal")
    private static Http1ConnectionSelector http11() {
        return Http1ConnectionSelector.builder()
                .config(Http1Config.builder().validateRequestHostHeader(false).build())
                .build();
    }

    private static InetAddress address(RestSettings settings) throws IOException {
        if (settings.host().isEmpty() || settings.host().equals("*")) {
            return new InetSocketAddress(0).getAddress();
        }
        try {
            return InetAddress.getByName(settings.host());
        } catch (UnknownHostException e) {
            throw new IOException(
                    "the REST API cannot listen on " + settings.address()
                            + ": the host name is unknown; correct restapi.listen",
                    e);
        }
    }

    private static String rootMessage(Throwable e) {
        Throwable cause = e;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause.getMessage();
    }

    private static void answer(Questions routes, UiStreams streams, ServerRequest request, ServerResponse response) {
        Reply reply;
        String method = request.prologue().method().text();
        String path = request.path().path();
        try {
            Request asked = new Request(
                    method,
                    path,
                    Query.parse(request.query().rawValue()),
                    Carrier.caller(
                            request.remotePeer(),
                            request.isSecure(),
                            request.headers().first(HeaderNames.AUTHORIZATION),
                            request.headers().first(HeaderNames.ACCEPT)),
                    new HelidonBody(request));
            if (routes.isStream(method, path) && streams.enter()) {
                stream(routes, streams, asked, response);
                return;
            }
            reply = routes.isStream(method, path)
                    ? routes.withHeaders(
                            asked,
                            Reply.error(
                                            503,
                                            "this agent already feeds " + UiStreams.MOST + " status pages; close one,"
                                                    + " or open another member's")
                                    .with("Retry-After", "10"))
                    : routes.answer(asked);
        } catch (CloseConnectionException e) {
            throw e;
        } catch (RuntimeException e) {
            LOG.error("{} {} failed", method, path, e);
            reply = Reply.error(500, "the agent failed to answer; its log says why");
        }
        response.status(Status.create(reply.status()));
        response.header(HeaderNames.CONTENT_TYPE, reply.contentType());
        reply.headers().forEach((name, value) -> response.header(HeaderNames.create(name), value));
        boolean closes = request.headers()
                .first(HeaderNames.CONNECTION)
                .map("close"::equalsIgnoreCase)
                .orElse(false);
        // A refused body is not read to its end: the connection cannot be used again.
        boolean unread = reply.status() >= 400
                && request.content().hasEntity()
                && !request.content().consumed();
        if (unread && !closes) {
            response.header(HeaderNames.CONNECTION, "close");
        }
        switch (method) {
            case "HEAD" -> {
                response.header(HeaderNames.CONTENT_LENGTH, Integer.toString(reply.body().length));
                response.send(new byte[0]);
            }
            case "OPTIONS" -> response.send(new byte[0]);
            default -> response.send(reply.body());
        }
        if (closes || unread) {
            throw new CloseConnectionException("the last answer of this connection is sent");
        }
    }

    /** Returns never: a stream ends with its connection. */
    private static void stream(Questions routes, UiStreams streams, Request asked, ServerResponse response) {
        try {
            Reply head = routes.withHeaders(
                    asked, new Reply(200, UiStreams.TYPE, new byte[0], StatusPage.securityHeaders()));
            response.header(HeaderNames.CONTENT_TYPE, head.contentType());
            head.headers().forEach((name, value) -> response.header(HeaderNames.create(name), value));
            // It lasts longer than a connection may be idle.
            routes.working().during(() -> {
                try (OutputStream out = response.outputStream()) {
                    streams.run(out);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                return null;
            });
        } catch (RuntimeException e) {
            throw new CloseConnectionException("the event stream ended", e);
        } finally {
            streams.leave();
        }
        throw new CloseConnectionException("the event stream ended");
    }

    private record HelidonBody(ServerRequest request) implements Request.Body {
        @Override
        public boolean announced() {
            return request.content().hasEntity() || request.headers().contains(HeaderNames.CONTENT_LENGTH);
        }

        @Override
        public Optional<byte[]> read() throws IOException {
            if (!request.content().hasEntity()) {
                return Optional.of(new byte[0]);
            }
            if (request.headers().contentLength().orElse(0) > Request.MAX_BODY_BYTES) {
                return Optional.empty();
            }
            try (InputStream in = request.content().inputStream()) {
                byte[] body = in.readNBytes(Request.MAX_BODY_BYTES + 1);
                return body.length > Request.MAX_BODY_BYTES ? Optional.empty() : Optional.of(body);
            } catch (UncheckedIOException e) {
                throw e.getCause();
            } catch (RuntimeException e) {
                // Helidon hides that the socket's patience has ended.
                Throwable cause = e;
                while (cause.getCause() != null && !(cause instanceof SocketTimeoutException)) {
                    cause = cause.getCause();
                }
                throw cause instanceof IOException io ? io : new IOException("the body did not arrive", e);
            }
        }
    }
}
