package dev.matriarch.rest;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader;
import io.helidon.common.concurrency.limits.Limit;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.spi.ServerConnection;
import io.helidon.webserver.spi.ServerConnectionSelector;
import java.time.Duration;
import java.util.Set;

/**
 * Takes every connection, waits for its first line, and hands it to HTTP/1.0 or HTTP/1.1.
 *
 * <p>It stands before Helidon's own selector, which refuses HTTP/1.0. From the first byte on a connection is known and
 * closed when it has been idle for too long; before that, see {@link AcceptedSocketOptions}.
 */
final class ProtocolChoice implements ServerConnectionSelector {
    private static final int MAX_LINE = 8192;

    private final ServerConnectionSelector http11;
    private final Questions routes;
    private final Duration patience;

    ProtocolChoice(ServerConnectionSelector http11, Questions routes, Duration patience) {
        this.http11 = http11;
        this.routes = routes;
        this.patience = patience;
    }

    @Override
    public int bytesToIdentifyConnection() {
        return 0;
    }

    @Override
    public Support supports(BufferData data) {
        return Support.SUPPORTED;
    }

    @Override
    public Set<String> supportedApplicationProtocols() {
        return http11.supportedApplicationProtocols();
    }

    @Override
    public ServerConnection connection(ConnectionContext context) {
        return new Undecided(context);
    }

    private final class Undecided implements ServerConnection {
        private final ConnectionContext context;
        private final long opened = System.nanoTime();
        private volatile Thread thread;
        private volatile ServerConnection decided;

        Undecided(ConnectionContext context) {
            this.context = context;
        }

        @Override
        public void handle(Limit limit) throws InterruptedException {
            thread = Thread.currentThread();
            decided = isHttp10() ? new Http10(context, routes, patience) : http11.connection(context);
            decided.handle(limit);
        }

        private boolean isHttp10() {
            DataReader reader = context.dataReader();
            try {
                reader.ensureAvailable();
                while (true) {
                    BufferData seen = reader.getBuffer(reader.available());
                    int end = seen.indexOf((byte) '\n');
                    if (end >= 0) {
                        return seen.readString(end).strip().endsWith(" HTTP/1.0");
                    }
                    if (seen.available() > MAX_LINE) {
                        // HTTP/1.1 says in its own words that the line is too long.
                        return false;
                    }
                    reader.pullData();
                }
            } catch (DataReader.InsufficientDataAvailableException e) {
                throw new CloseConnectionException("the client went away", e);
            }
        }

        @Override
        public Duration idleTime() {
            ServerConnection known = decided;
            if (routes.working().includes(thread)) {
                return Duration.ZERO;
            }
            return known == null ? Duration.ofNanos(System.nanoTime() - opened) : known.idleTime();
        }

        @Override
        public void close(boolean interrupt) {
            ServerConnection known = decided;
            if (!interrupt && routes.working().includes(thread)) {
                return;
            }
            if (known != null) {
                // A request that arrives drop by drop does not count as idle for Helidon; it ends here all the same.
                known.close(interrupt || known.idleTime().compareTo(patience.multipliedBy(3)) > 0);
            } else if (thread != null) {
                thread.interrupt();
            }
        }
    }
}
