package dev.matriarch.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A real server of a store of others, in a directory of its own, that can hang, be cut off, and lose what it holds. */
public abstract class StoreServer implements AutoCloseable {
    private static final Duration UP = Duration.ofSeconds(60);
    private static final String LOOPBACK = "127.0.0.1";

    private final Path directory;
    private final Optional<Island> island;
    private Process process;
    private int generation;

    /** @param island where it lives; empty: on a loopback address, where it cannot be cut off */
    protected StoreServer(Path directory, Optional<Island> island) {
        this.directory = directory;
        this.island = island;
    }

    /**
     * What runs it.
     *
     * @param directory for files beside its data
     * @param data its own, empty at first
     */
    protected abstract List<String> command(Path directory, Path data) throws IOException;

    protected abstract boolean answers();

    /** {@code host:port} for clients. */
    public abstract String address();

    protected final String host() {
        return island.map(Island::host).orElse(LOOPBACK);
    }

    protected static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns when it answers. */
    protected final void start() {
        try {
            List<String> command = command(directory, Files.createDirectories(directory.resolve("data" + generation)));
            process = new ProcessBuilder(island.map(i -> i.there(command)).orElse(command))
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(
                            directory.resolve("log").toFile()))
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Await.until("the store answers at " + address(), UP, this::answers);
    }

    /** It hangs: connections stay open, nobody answers. */
    public final void freeze() {
        Processes.signal("STOP", List.of(process.pid()));
    }

    public final void thaw() {
        Processes.signal("CONT", List.of(process.pid()));
    }

    public final boolean canBeCutOff() {
        return island.isPresent();
    }

    /** Nothing that is sent to it arrives, and nothing that it sends. */
    public final void cut() {
        island.orElseThrow().cut();
    }

    public final void heal() {
        island.ifPresent(Island::heal);
    }

    private void kill() {
        process.destroyForcibly();
        try {
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                throw new AssertionError("the store does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** It is killed and begins again with nothing. */
    public final void loseEverything() {
        kill();
        generation++;
        start();
    }

    @Override
    public final void close() {
        if (process != null) {
            kill();
        }
        island.ifPresent(Island::close);
        Commands.run(Duration.ofSeconds(20), Map.of(), List.of("rm", "-rf", directory.toString()));
    }
}
