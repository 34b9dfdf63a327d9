package dev.matriarch.zookeeper;

import dev.matriarch.dcs.contract.Sample;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/** In front of a server; holds up what a test asks for, and lets the client know nothing of it. */
final class Door implements AutoCloseable {
    private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final URI server;
    private volatile Optional<String> wanted = Optional.empty();
    private volatile byte[] heldUp;
    private volatile Socket heldUpAt;

    private volatile Optional<String> swallowed = Optional.empty();

    /** To what was held up, its connection's end included. */
    private final AtomicInteger answers = new AtomicInteger();

    private volatile boolean ended;

    private final AtomicInteger clients = new AtomicInteger();

    Door(URI server) throws IOException {
        this.server = server;
        Thread.ofVirtual().start(() -> {
            while (!listener.isClosed()) {
                try {
                    Socket client = listener.accept();
                    clients.incrementAndGet();
                    Thread.ofVirtual().start(() -> pass(client));
                } catch (IOException closed) {
                    return;
                }
            }
        });
    }

    URI address() {
        return URI.create("zk://127.0.0.1:" + listener.getLocalPort());
    }

    /** How many came so far. */
    int clients() {
        return clients.get();
    }

    /** The next request with this text in it goes no further, and its connection breaks for the client only. */
    void holdUp(String text) {
        wanted = Optional.of(text);
    }

    boolean holdsUp() {
        return heldUp != null;
    }

    /** From now on requests with this text in them vanish, while pings go on being answered. */
    void swallow(String text) {
        swallowed = Optional.of(text);
    }

    /** Now it arrives; unless the server has ended the connection meanwhile, which nobody has used for a session's time. */
    void letGo() throws Exception {
        int before = answers.get();
        try {
            heldUpAt.getOutputStream().write(heldUp);
        } catch (IOException tooLate) {
            return;
        }
        Sample.await(Sample.TIMEOUT, "the server has seen it", () -> ended || answers.get() > before);
    }

    private void pass(Socket client) {
        try {
            InetSocketAddress to = InOrder.address(server);
            Socket upstream = new Socket(InetAddress.getLoopbackAddress(), to.getPort());
            Thread.ofVirtual().start(() -> answer(upstream, client));
            byte[] buffer = new byte[65536];
            for (int n; (n = client.getInputStream().read(buffer)) > 0; ) {
                String text = new String(buffer, 0, n, StandardCharsets.ISO_8859_1);
                if (wanted.filter(text::contains).isPresent()) {
                    wanted = Optional.empty();
                    heldUpAt = upstream;
                    heldUp = Arrays.copyOf(buffer, n);
                    client.close();
                    return;
                }
                if (swallowed.filter(text::contains).isEmpty()) {
                    upstream.getOutputStream().write(buffer, 0, n);
                }
            }
            upstream.close();
        } catch (IOException broken) {
            close(client);
        }
    }

    private void answer(Socket from, Socket to) {
        try {
            byte[] buffer = new byte[65536];
            for (int n; (n = from.getInputStream().read(buffer)) > 0; ) {
                if (from == heldUpAt) {
                    answers.incrementAndGet();
                    continue;
                }
                try {
                    to.getOutputStream().write(buffer, 0, n);
                } catch (IOException gone) {
                    if (from != heldUpAt) {
                        throw gone;
                    }
                }
            }
        } catch (IOException broken) {
            // The client's end closes it.
        }
        if (from == heldUpAt) {
            ended = true;
        }
        close(to);
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException alreadyClosed) {
            // Nothing is left to do.
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }
}
