package dev.matriarch.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What a demo adds to all its ports, so that several of them can run on one machine at the same time, whoever started them: each
 * range is held by a lock on a file in the directory for temporary files, which ends with the process at the latest.
 */
public final class PortRange implements AutoCloseable {
    /** The demo's ports without an offset, those of the peer's etcd, and one for a PgBouncer. */
    private static final List<Integer> PORTS = List.of(5000, 5001, 5002, 5440, 7000, 8008, 8009, 2379, 2380, 6433);

    /** No two of {@link #PORTS} are a multiple of it apart, so no port belongs to two ranges ({@code PortRangeTest}). */
    private static final int STEP = 71;

    /** Everything stays below the ports that the kernel gives to outgoing connections. */
    private static final int RANGES = 300;

    /** As many addresses as a demo has nodes, at most. */
    private static final int ADDRESSES = 5;

    /**
     * Those of this process. Their files must not be opened once more: closing any descriptor of a file ends all locks that the
     * process has on it (POSIX, fcntl).
     */
    private static final Set<Integer> OURS = ConcurrentHashMap.newKeySet();

    private final int offset;
    private final FileChannel file;

    private PortRange(int offset, FileChannel file) {
        this.offset = offset;
        this.file = file;
    }

    /** The first range that nobody holds and at whose ports nobody listens. */
    public static PortRange take() {
        for (int i = 1; i <= RANGES; i++) {
            int offset = i * STEP;
            if (OURS.add(offset)) {
                Optional<PortRange> range = Optional.empty();
                try {
                    range = lock(offset);
                } finally {
                    if (range.isEmpty()) {
                        OURS.remove(offset);
                    }
                }
                if (range.isPresent()) {
                    return range.get();
                }
            }
        }
        throw new IllegalStateException("none of " + RANGES + " ranges of ports is free on this machine");
    }

    private static Optional<PortRange> lock(int offset) {
        Path path = Path.of(System.getProperty("java.io.tmpdir"), "matriarch-ports-" + offset + ".lock");
        try {
            FileChannel file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            boolean taken = false;
            try {
                taken = file.tryLock() != null && free(offset);
            } finally {
                if (!taken) {
                    file.close();
                }
            }
            return taken ? Optional.of(new PortRange(offset, file)) : Optional.empty();
        } catch (AccessDeniedException anotherUsersFile) {
            return Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException(path.toString(), e);
        }
    }

    private static boolean free(int offset) throws IOException {
        for (int port : portsOf(offset)) {
            for (int last = 1; last <= ADDRESSES; last++) {
                try (ServerSocket socket = new ServerSocket()) {
                    socket.bind(new InetSocketAddress("127.0.0." + last, port));
                } catch (BindException somebodyListens) {
                    return false;
                }
            }
        }
        return true;
    }

    public int offset() {
        return offset;
    }

    /** The ports at which a demo with this offset listens. */
    static List<Integer> portsOf(int offset) {
        return PORTS.stream().map(port -> port + offset).toList();
    }

    /** Gives the range back. Again: nothing happens. */
    @Override
    public void close() {
        if (!file.isOpen()) {
            return;
        }
        try {
            file.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            OURS.remove(offset);
        }
    }
}
