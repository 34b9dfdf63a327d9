package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class UnixSocketTest {
    private interface Body {
        void run(Path file, ServerSocketChannel server) throws Exception;
    }

    private static void withServer(int queue, Body body) throws Exception {
        Path directory = Files.createTempDirectory("us-");
        Path file = directory.resolve(".s.PGSQL.5432");
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(file), queue);
            body.run(file, server);
        } finally {
            Files.deleteIfExists(file);
            Files.delete(directory);
        }
    }

    private static UnixSocket connected(Path file) throws IOException {
        UnixSocket socket = new UnixSocket(file);
        socket.connect(null, 2000);
        return socket;
    }

    @Test
    void whatIsWrittenArrivesHoweverMuchItIs() throws Exception {
        withServer(5, (file, server) -> {
            try (UnixSocket socket = connected(file);
                    SocketChannel other = server.accept()) {
                byte[] much = new byte[3 << 20];
                new Random(1).nextBytes(much);
                FutureTask<Void> echo = new FutureTask<>(() -> {
                    ByteBuffer all = ByteBuffer.allocate(much.length);
                    while (all.hasRemaining() && other.read(all) >= 0) {}
                    all.flip();
                    while (all.hasRemaining()) {
                        other.write(all);
                    }
                    other.shutdownOutput();
                    return null;
                });
                Thread.ofVirtual().start(echo);
                socket.setSoTimeout(10_000);
                socket.getOutputStream().write(much);
                InputStream in = socket.getInputStream();
                assertArrayEquals(much, in.readNBytes(much.length));
                assertEquals(-1, in.read());
                echo.get();
            }
        });
    }

    @Test
    void nothingIsWaitedForBeyondTheTimeOut() throws Exception {
        withServer(5, (file, server) -> {
            try (UnixSocket socket = connected(file)) {
                socket.setSoTimeout(150);
                long begun = System.nanoTime();
                assertThrows(
                        SocketTimeoutException.class,
                        () -> socket.getInputStream().read());
                // Nobody reads at the other end.
                assertThrows(
                        SocketTimeoutException.class,
                        () -> socket.getOutputStream().write(new byte[8 << 20]));
                long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
                assertTrue(millis >= 290 && millis < 5000, millis + " ms");
            }
        });
    }

    @Test
    void aFullQueueOfConnectionsIsNotWaitedForWithoutEnd() throws Exception {
        withServer(1, (file, server) -> {
            List<UnixSocket> waiting = new ArrayList<>();
            try {
                SocketTimeoutException full = null;
                while (full == null && waiting.size() < 100) {
                    UnixSocket socket = new UnixSocket(file);
                    waiting.add(socket);
                    try {
                        socket.connect(null, 100);
                    } catch (SocketTimeoutException e) {
                        full = e;
                    }
                }
                assertTrue(full != null, "the queue never was full");
                // As soon as there is room it goes on.
                UnixSocket late = new UnixSocket(file);
                waiting.add(late);
                FutureTask<Void> connecting = new FutureTask<>(() -> {
                    late.connect(null, 5000);
                    return null;
                });
                Thread.ofVirtual().start(connecting);
                server.accept().close();
                connecting.get();
            } finally {
                for (UnixSocket socket : waiting) {
                    socket.close();
                }
            }
        });
    }

    @Test
    void closingEndsWhoWaits() throws Exception {
        withServer(5, (file, server) -> {
            UnixSocket socket = connected(file);
            FutureTask<Integer> reading =
                    new FutureTask<>(() -> socket.getInputStream().read());
            Thread reader = Thread.ofPlatform().start(reading);
            while (reader.getState() == Thread.State.NEW) {
                Thread.onSpinWait();
            }
            socket.close();
            ExecutionException e = assertThrows(ExecutionException.class, () -> reading.get(5, TimeUnit.SECONDS));
            assertTrue(e.getCause() instanceof IOException, e.toString());
            assertThrows(SocketException.class, () -> socket.connect(null, 100));
        });
    }

    @Test
    void aFileThatIsNotThereIsNamed() {
        SocketException e =
                assertThrows(SocketException.class, () -> new UnixSocket(Path.of("/nowhere/s")).connect(null, 100));
        assertTrue(e.getMessage().contains("/nowhere/s"), e.getMessage());
    }

    @Test
    void theServersPidFileNamesTheDirectory() {
        List<String> lines = List.of("4711", "/data", "1700000000", "5433", "/run/pg", "*", "1 2", "ready");
        assertEquals(
                Optional.of(Path.of("/run/pg/.s.PGSQL.5433")),
                LocalSocket.parse(lines).map(LocalSocket.Place::file));
        for (String unusable : List.of("", "relative", "@abstract")) {
            List<String> other = new ArrayList<>(lines);
            other.set(4, unusable);
            assertEquals(Optional.empty(), LocalSocket.parse(other));
        }
        assertEquals(Optional.empty(), LocalSocket.parse(lines.subList(0, 4)));
    }
}
