package dev.matriarch.zookeeper;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import javax.net.ssl.SSLSocket;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * TLS for one client of ZooKeeper that knows none. It connects to a port on the loopback address that is its own as long as it
 * lives, and what it says there goes on to the server encrypted. Nobody else on this host gets through: a connection is passed on
 * if it comes from where the client itself says that it comes from.
 */
final class Tunnel implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Tunnel.class);
    private static final int WAITING = 8;
    private static final int AT_ONCE = 16 * 1024;
    private static final Duration UNTIL_KNOWN = Duration.ofSeconds(10);

    private final TlsClient tls;
    private final Duration untilKnown;
    private final ServerSocket listener;
    /** Both ends of the newest connection: a client has no two. */
    private List<Socket> ends = List.of();

    private volatile Supplier<SocketAddress> client = () -> null;
    private volatile URI server;
    private volatile boolean closed;

    Tunnel(TlsClient tls) throws IOException {
        this(tls, UNTIL_KNOWN);
    }

    /** @param untilKnown how long a connection waits for the client to say that it is its own */
    Tunnel(TlsClient tls, Duration untilKnown) throws IOException {
        this.tls = tls;
        this.untilKnown = untilKnown;
        this.listener = new ServerSocket(0, WAITING, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().name("zookeeper-tls").start(this::listen);
    }

    /** @param local the client's end of its connection; null as long as it has none */
    void isOf(Supplier<SocketAddress> local) {
        client = local;
    }

    /** @return where to connect to instead */
    InetSocketAddress towards(URI next) {
        server = next;
        return (InetSocketAddress) listener.getLocalSocketAddress();
    }

    private void listen() {
        while (!closed) {
            try {
                Socket near = listener.accept();
                URI wanted = server;
                Thread.ofVirtual().name("zookeeper-tls").start(() -> pass(near, wanted));
            } catch (IOException e) {
                if (!closed) {
                    LOG.debug("no connection was taken: {}", e.toString());
                }
            }
        }
    }

    private void pass(Socket near, URI wanted) {
        try (near;
                Socket raw = new Socket()) {
            if (!comesFromTheClient(near) || !replace(near, raw)) {
                return;
            }
            near.setTcpNoDelay(true);
            SSLSocket far = connect(wanted, raw);
            Thread.ofVirtual().name("zookeeper-tls").start(() -> answer(far, near, wanted));
            copy(near.getInputStream(), far.getOutputStream(), () -> {});
        } catch (IOException e) {
            // If it was not this side that ended it, who reads what the server says hears why.
            LOG.debug("a connection to {} has ended: {}", wanted, e.toString());
        }
    }

    private SSLSocket connect(URI wanted, Socket raw) throws IOException {
        try {
            return tls.connect(wanted, raw);
        } catch (IOException e) {
            if (!closed) {
                tls.failed(wanted, e);
            }
            throw e;
        }
    }

    /** @return false: all is over */
    private synchronized boolean replace(Socket near, Socket raw) {
        ends.forEach(Tunnel::close);
        ends = List.of(near, raw);
        return !closed;
    }

    /** The client itself may learn a little later than this side that it is connected. */
    private boolean comesFromTheClient(Socket near) {
        SocketAddress from = near.getRemoteSocketAddress();
        long deadline = System.nanoTime() + untilKnown.toNanos();
        try {
            while (!from.equals(client.get())) {
                if (System.nanoTime() - deadline > 0 || closed) {
                    LOG.debug("{} is not the client of this connection to ZooKeeper", from);
                    return false;
                }
                Thread.sleep(1);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void answer(SSLSocket far, Socket near, URI from) {
        try (near) {
            copy(far.getInputStream(), near.getOutputStream(), () -> tls.succeeded(from));
        } catch (IOException e) {
            if (!closed && !near.isClosed()) {
                tls.failed(from, e);
            }
        }
    }

    private static void copy(InputStream from, OutputStream to, Runnable each) throws IOException {
        byte[] buffer = new byte[AT_ONCE];
        for (int n; (n = from.read(buffer)) > 0; ) {
            each.run();
            to.write(buffer, 0, n);
            to.flush();
        }
    }

    /** When the client has ended. */
    @Override
    public void close() {
        closed = true;
        close(listener);
        synchronized (this) {
            ends.forEach(Tunnel::close);
        }
    }

    private static void close(Closeable it) {
        try {
            it.close();
        } catch (IOException e) {
            LOG.debug("{} was not closed: {}", it, e.toString());
        }
    }
}
