package dev.matriarch.rest;

import java.io.IOException;
import java.time.Duration;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The open HTTP door of one agent. Answers on virtual threads; {@link #close()} stops it for good. Looks at its certificate files every
 * few seconds, on a thread of its own, and takes them up when they change.
 */
public final class RestDoor implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RestDoor.class);

    private static final Duration LOOK = Duration.ofSeconds(2);

    private final Questions routes;
    private final Consumer<RestSettings> takenUp;
    private final UiStreams streams;
    private final Thread watch;
    private Listener listener;
    private boolean closed;
    private String complaint = "";

    private RestDoor(Questions routes, Consumer<RestSettings> takenUp, UiStreams streams, Listener listener) {
        this.routes = routes;
        this.takenUp = takenUp;
        this.streams = streams;
        this.listener = listener;
        this.watch = Thread.ofVirtual().name("rest-tls-watch").unstarted(this::watch);
    }

    /**
     * Binds and starts to answer.
     *
     * @throws IOException if the address cannot be bound or a certificate cannot be used; its message says what to do
     */
    public static RestDoor open(RestSettings settings, AgentView agent) throws IOException {
        Access access = new Access(settings);
        Routes routes = new Routes(agent, access, settings.headers(), System::nanoTime);
        routes.showPage(settings.ui());
        UiStreams streams = new UiStreams(routes.page()::state);
        Consumer<RestSettings> takeUp = changed -> {
            access.expect(changed);
            routes.headers(changed.headers());
            routes.showPage(changed.ui());
            if (!changed.ui()) {
                streams.end();
            }
        };
        return open(settings, routes, takeUp, streams);
    }

    /**
     * The door of a node without PostgreSQL, which takes no orders.
     *
     * @throws IOException as {@link #open(RestSettings, AgentView)}
     */
    public static RestDoor open(RestSettings settings, StoreView store) throws IOException {
        StandingHeaders headers = new StandingHeaders(settings.headers());
        StoreRoutes routes = new StoreRoutes(store, headers);
        return open(settings, routes, changed -> headers.set(changed.headers()), new UiStreams(() -> new byte[0]));
    }

    private static RestDoor open(
            RestSettings settings, Questions routes, Consumer<RestSettings> takeUp, UiStreams streams)
            throws IOException {
        RestDoor door = new RestDoor(routes, takeUp, streams, Listener.open(settings, routes, streams));
        door.watch.start();
        return door;
    }

    private void watch() {
        try {
            while (!Thread.currentThread().isInterrupted()) {
                Thread.sleep(LOOK);
                lookAtCertificates();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void lookAtCertificates() {
        if (closed) {
            return;
        }
        try {
            listener.certificatesIfChanged();
            complaint = "";
        } catch (IOException | RuntimeException | LinkageError e) {
            // In the middle of a renewal files may not fit each other: it is tried again.
            String message = String.valueOf(e.getMessage());
            if (!message.equals(complaint)) {
                complaint = message;
                LOG.error("The changed certificate of the REST API is not taken up, the old one stays: {}", message);
            }
        }
    }

    /**
     * Takes up changed settings, and certificate files that have changed. Who may do what counts from the next request on,
     * a certificate from the next connection on; another address, or TLS where there was none, closes every connection.
     * What cannot be taken up is logged and leaves the door as it was.
     */
    public synchronized void reconfigure(RestSettings changed) {
        if (closed) {
            return;
        }
        try {
            if (listener.settings().sameListener(changed)) {
                if (changed.tls().isPresent()) {
                    listener.certificates(changed.tls().get());
                }
            } else {
                listenAnew(changed);
            }
        } catch (IOException e) {
            LOG.error("The changed settings of the REST API are not taken up: {}", e.getMessage());
            return;
        }
        takenUp.accept(changed);
    }

    private void listenAnew(RestSettings changed) throws IOException {
        Listener old = listener;
        boolean samePort = old.settings().port() == changed.port();
        if (!samePort) {
            listener = Listener.open(changed, routes, streams);
            old.close();
            return;
        }
        // The two cannot be bound at once: one may be part of the other, as 10.0.0.1 is of "all".
        old.close();
        try {
            listener = Listener.open(changed, routes, streams);
        } catch (IOException e) {
            listener = Listener.open(old.settings(), routes, streams);
            throw e;
        }
    }

    /** The port that is bound. */
    public synchronized int port() {
        return listener.port();
    }

    /** Status pages that are being fed. */
    int openStreams() {
        return streams.size();
    }

    /** Stops accepting, lets requests in flight finish for a moment, and closes every connection. */
    @Override
    public synchronized void close() {
        closed = true;
        watch.interrupt();
        streams.close();
        listener.close();
    }
}
