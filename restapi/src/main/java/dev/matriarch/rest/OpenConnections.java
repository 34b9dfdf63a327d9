package dev.matriarch.rest;

import java.nio.channels.SocketChannel;
import java.util.HashSet;
import java.util.Set;

/**
 * How many connections may be open at once. Helidon's own limit forgets to count connections back whose TLS handshake
 * fails (4.4.0, ConnectionHandler), and would stop to accept any after so many of them.
 */
final class OpenConnections {
    private static final long LOOK_AGAIN_MILLIS = 10;

    private final int most;
    private final Set<SocketChannel> open = new HashSet<>();
    private volatile boolean ended;

    OpenConnections(int most) {
        this.most = most;
    }

    /** Called by the thread that accepts: while there are too many, the next ones wait in the kernel's queue. */
    synchronized void admit(SocketChannel accepted) {
        open.add(accepted);
        if (open.size() > most / 2) {
            open.removeIf(c -> !c.isOpen());
        }
        try {
            while (open.size() > most && !ended) {
                wait(LOOK_AGAIN_MILLIS);
                open.removeIf(c -> !c.isOpen());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    void end() {
        ended = true;
    }
}
