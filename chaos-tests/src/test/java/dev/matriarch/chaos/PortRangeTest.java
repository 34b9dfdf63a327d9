package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PortRangeTest {
    @Test
    void noPortBelongsToTwoRangesAndAllAreBelowTheKernelsOwn() {
        Set<Integer> seen = new HashSet<>(PortRange.portsOf(0));
        for (int offset = 71; offset <= 300 * 71; offset += 71) {
            for (int port : PortRange.portsOf(offset)) {
                assertTrue(seen.add(port), "port " + port);
                assertTrue(port < 32768, "port " + port);
            }
        }
    }

    @Test
    void aRangeIsHeldUntilItIsClosed() {
        PortRange first = PortRange.take();
        try (PortRange second = PortRange.take()) {
            assertNotEquals(first.offset(), second.offset());
            assertTrue(isHeld(first.offset()));
            first.close();
            first.close();
            assertTrue(isHeld(second.offset()), "closing one gave back the other");
        } finally {
            first.close();
        }
    }

    @Test
    void aRangeInWhichSomebodyListensIsNotTaken() throws IOException {
        PortRange range = PortRange.take();
        try (ServerSocket stranger = new ServerSocket()) {
            int port = PortRange.portsOf(range.offset()).get(3);
            stranger.bind(new InetSocketAddress("127.0.0.2", port));
            range.close();
            try (PortRange other = PortRange.take()) {
                assertNotEquals(range.offset(), other.offset());
            }
        }
    }

    /** As another process sees it: flock(1) would not do, which asks for a lock of another kind. */
    private static boolean isHeld(int offset) {
        Path file = Path.of(System.getProperty("java.io.tmpdir"), "matriarch-ports-" + offset + ".lock");
        return Commands.run(
                                Duration.ofSeconds(20),
                                Map.of(),
                                List.of(
                                        "python3",
                                        "-c",
                                        "import fcntl,sys; fcntl.lockf(open(sys.argv[1],'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)",
                                        file.toString()))
                        .exitCode()
                != 0;
    }
}
