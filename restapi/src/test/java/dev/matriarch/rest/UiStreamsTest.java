package dev.matriarch.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Event streams of status pages over real sockets: many readers, slow ones, and those that go away. */
@Timeout(30)
@Tag("slow")
class UiStreamsTest {
    private static final String HOST = "127.0.0.1";
    private static final Duration SOON = Duration.ofSeconds(12);

    private final FakeAgent agent = new FakeAgent();
    private final List<Reader> readers = new ArrayList<>();
    private RestDoor door;

    @BeforeEach
    void open() throws IOException {
        Fixture fresh = Fixture.replica();
        fresh.now = System.nanoTime() + 60_000_000_000L;
        fresh.nextRun = fresh.now;
        agent.snapshot = fresh.snapshot();
        // A connection may say nothing for a second only: a stream is not silence.
        door = RestDoor.open(settings(true), agent);
    }

    private static RestSettings settings(boolean ui) {
        return new RestSettings(
                HOST,
                0,
                50,
                Optional.empty(),
                new RestSettings.Guests(Optional.empty(), List.of(), false),
                RestSettings.Headers.NONE,
                ui,
                Duration.ofSeconds(1),
                100);
    }

    @AfterEach
    void close() throws IOException {
        for (Reader reader : readers) {
            reader.socket.close();
        }
        door.close();
    }

    private final class Reader {
        final Socket socket = new Socket();
        final BufferedReader in;

        Reader(String path) throws IOException {
            readers.add(this);
            socket.setReceiveBufferSize(4096);
            socket.setSoTimeout(8000);
            socket.connect(new java.net.InetSocketAddress(HOST, door.port()), 3000);
            socket.getOutputStream()
                    .write(("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
            in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        }

        String status() throws IOException {
            return in.readLine();
        }

        /** Reads until the next event has come; false if the stream has ended. */
        boolean event() throws IOException {
            try {
                for (String line = in.readLine(); line != null; line = in.readLine()) {
                    if (line.startsWith("data: {")) {
                        return true;
                    }
                }
                return false;
            } catch (SocketException reset) {
                return false;
            }
        }
    }

    private int health() throws IOException {
        Reader reader = new Reader("/health");
        int status = Integer.parseInt(reader.status().split(" ")[1]);
        reader.socket.close();
        return status;
    }

    private static void eventually(BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + SOON.toNanos();
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < end, "not in time");
            Thread.sleep(20);
        }
    }

    @Test
    void aStreamLastsLongerThanAConnectionMayBeIdle() throws IOException {
        Reader reader = new Reader("/ui/events");
        assertTrue(reader.status().contains(" 200 "));
        long begun = System.nanoTime();
        while (System.nanoTime() - begun < 4_000_000_000L) {
            assertTrue(reader.event());
        }
    }

    @Test
    void manyAreServedOneMoreIsRefusedAndAPlaceThatIsLeftIsGivenAway() throws Exception {
        for (int i = 0; i < UiStreams.MOST; i++) {
            assertTrue(new Reader("/ui/events").status().contains(" 200 "));
        }
        for (Reader reader : readers) {
            assertTrue(reader.event());
        }
        Reader refused = new Reader("/ui/events");
        assertTrue(refused.status().contains(" 503 "));
        assertEquals(200, health());
        readers.get(3).socket.close();
        eventually(() -> {
            try {
                Reader next = new Reader("/ui/events");
                boolean taken = next.status().contains(" 200 ");
                if (!taken) {
                    next.socket.close();
                }
                return taken;
            } catch (IOException e) {
                return false;
            }
        });
    }

    @Test
    void whoDoesNotReadIsCutOffAndDelaysNobody() throws Exception {
        agent.panorama = new Panorama(
                "",
                List.of(new Panorama.Pulse(
                        "n1", "x".repeat(8 << 20), OptionalLong.empty(), false, "", 0, "", "", Map.of())),
                List.of());
        Reader slow = new Reader("/ui/events");
        long begun = System.nanoTime();
        eventually(() -> door.openStreams() == 1);
        assertEquals(200, health());
        eventually(() -> door.openStreams() == 0);
        assertTrue(System.nanoTime() - begun < 10_000_000_000L);
        // What was on its way is still there, but the stream has ended.
        while (slow.event()) {
            assertTrue(System.nanoTime() - begun < 20_000_000_000L);
        }
    }

    @Test
    void switchedOffOrClosedTheyEnd() throws Exception {
        Reader reader = new Reader("/ui/events");
        assertTrue(reader.event());
        door.reconfigure(settings(false));
        eventually(() -> door.openStreams() == 0);
        assertTrue(new Reader("/ui/events").status().contains(" 503 "));
        door.reconfigure(settings(true));
        Reader again = new Reader("/ui/events");
        assertTrue(again.event());
        door.close();
        eventually(() -> door.openStreams() == 0);
    }
}
