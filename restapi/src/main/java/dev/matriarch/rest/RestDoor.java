package dev.matriarch.rest;

import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The open HTTP door of one agent. Answers on virtual threads; {@link #close()} stops it for good. */
public final class RestDoor implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RestDoor.class);

    private final Access access;
    private final Routes routes;
    private Listener listener;
    private boolean closed;

    private RestDoor(Access access, Routes routes, Listener listener) {
        this.access = access;
        this.routes = routes;
        this.listener = listener;
    }

    /**
     * Binds and starts to answer.
     *
     * @throws IOException if the address cannot be bound or a certificate cannot be used; its message says what to do
     */
    public static RestDoor open(RestSettings settings, AgentView agent) throws IOException {
        Access access = new Access(settings);
        Routes routes = new Routes(agent, access, settings.headers(), System::nanoTime);
        return new RestDoor(access, routes, Listener.open(settings, routes));
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
        access.expect(changed);
        routes.headers(changed.headers());
    }

    private void listenAnew(RestSettings changed) throws IOException {
        Listener old = listener;
        boolean samePort = old.settings().port() == changed.port();
        if (!samePort) {
            listener = Listener.open(changed, routes);
            old.close();
            return;
        }
        // The two cannot be bound at once: one may be part of the other, as 10.0.0.1 is of "all".
        old.close();
        try {
            listener = Listener.open(changed, routes);
        } catch (IOException e) {
            listener = Listener.open(old.settings(), routes);
            throw e;
        }
    }

    /** The port that is bound. */
    public synchronized int port() {
        return listener.port();
    }

    /** Stops accepting, lets requests in flight finish for a moment, and closes every connection. */
    @Override
    public synchronized void close() {
        closed = true;
        listener.close();
    }
}
