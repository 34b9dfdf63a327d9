package dev.matriarch.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A program of others that runs beside the cluster, in the foreground; ended with SIGTERM, after five seconds with SIGKILL. */
final class Daemon implements AutoCloseable {
    private final Path log;
    private final Process process;

    /** @param log its standard output and error */
    Daemon(Path log, Map<String, String> environment, List<String> command) {
        this.log = log;
        try {
            ProcessBuilder builder = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectInput(
                            ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                    .redirectOutput(log.toFile());
            builder.environment().putAll(environment);
            process = builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Where the loader finds the libraries of a package that {@code ./check} has unpacked and not installed. */
    static Map<String, String> librariesOf(Path program) {
        // ROOT/usr/sbin/PROGRAM
        Path root = program.getParent().getParent().getParent();
        if (root == null || root.equals(root.getRoot())) {
            return Map.of();
        }
        String folders = Stream.of(root.resolve("lib"), root.resolve("usr/lib"))
                .filter(Files::isDirectory)
                .flatMap(lib -> {
                    try (Stream<Path> entries = Files.list(lib)) {
                        return entries.filter(e -> e.getFileName().toString().endsWith("-linux-gnu")).toList().stream();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                })
                .map(Path::toString)
                .collect(Collectors.joining(":"));
        return Map.of("LD_LIBRARY_PATH", folders);
    }

    boolean runs() {
        return process.isAlive();
    }

    void signal(String name) {
        Processes.signal(name, List.of(process.pid()));
    }

    String said() {
        try {
            return Files.exists(log)
                    ? new String(Files.readAllBytes(log), java.nio.charset.StandardCharsets.UTF_8)
                    : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return (runs() ? "runs" : "has ended") + ":\n" + said();
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(5, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            process.destroyForcibly();
        }
    }
}
