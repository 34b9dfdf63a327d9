package dev.matriarch.agent.postgres;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/** A program run to its end, within a deadline. Its environment holds none of our settings or secrets. */
final class Child {
    private static final int KEPT_LINES = 200;

    /** @param output last lines of standard output and error together */
    record Result(int exitCode, String output) {
        String lastLines() {
            List<String> lines = output.lines().filter(l -> !l.isBlank()).toList();
            return String.join(" / ", lines.subList(Math.max(0, lines.size() - 3), lines.size()));
        }
    }

    private final List<String> command;
    private final Map<String, String> extraEnvironment = new HashMap<>();
    private Consumer<String> lines = line -> {};
    private LongConsumer started = pid -> {};
    private byte[] input = new byte[0];
    private File directory;

    private Child(List<String> command) {
        this.command = command;
    }

    static Child of(List<String> command) {
        return new Child(command);
    }

    Child passfile(Path file) {
        extraEnvironment.put("PGPASSFILE", file.toString());
        extraEnvironment.put("PGSERVICEFILE", ServiceFile.beside(file).toString());
        return this;
    }

    /** For PGOPTIONS. */
    Child options(String text) {
        extraEnvironment.put("PGOPTIONS", text);
        return this;
    }

    /** What it reads from its standard input: little enough for a pipe. */
    Child input(byte[] bytes) {
        input = bytes;
        return this;
    }

    /** Where it runs; else where the agent does. */
    Child directory(Path path) {
        directory = path.toFile();
        return this;
    }

    /** Told its pid once it runs. */
    Child started(LongConsumer consumer) {
        started = consumer;
        return this;
    }

    /** Each line (also of a progress display that overwrites itself) as it comes. */
    Child lines(Consumer<String> consumer) {
        lines = consumer;
        return this;
    }

    /** @throws PostgresException if it cannot be run, is cancelled, or does not end in time (then it is killed) */
    Result run(Deadline deadline) throws PostgresException {
        String name = Path.of(command.getFirst()).getFileName().toString();
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).directory(directory);
        if (input.length == 0) {
            builder.redirectInput(new File("/dev/null"));
        }
        ChildEnvironment.scrub(builder.environment());
        builder.environment().put("LC_ALL", "C");
        builder.environment().put("PGCONNECT_TIMEOUT", "5");
        builder.environment().putAll(extraEnvironment);
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new PostgresException("The program " + command.getFirst() + " cannot be run: " + e.getMessage(), e);
        }
        started.accept(process.pid());
        Deque<String> kept = new ArrayDeque<>();
        Thread reader = Thread.ofVirtual().start(() -> read(process.getInputStream(), kept));
        try {
            feed(process);
            if (!process.waitFor(deadline.left().toNanos(), TimeUnit.NANOSECONDS)) {
                throw new PostgresException(name + " did not finish in time and was ended.");
            }
            reader.join(1000);
            synchronized (kept) {
                return new Result(process.exitValue(), String.join("\n", kept));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new PostgresException(name + " was cancelled.", e);
        } finally {
            if (process.isAlive()) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
                process.onExit()
                        .orTimeout(5, TimeUnit.SECONDS)
                        .exceptionally(e -> process)
                        .join();
            }
        }
    }

    private void feed(Process process) {
        if (input.length > 0) {
            try (OutputStream out = process.getOutputStream()) {
                out.write(input);
            } catch (IOException e) {
                // It has ended before it read: its exit code says more.
                lines.accept("its input could not be written: " + e.getMessage());
            }
        }
    }

    private void read(InputStream in, Deque<String> kept) {
        StringBuilder line = new StringBuilder();
        try (var reader = new java.io.InputStreamReader(in, StandardCharsets.UTF_8)) {
            for (int c = reader.read(); c >= 0; c = reader.read()) {
                if (c != '\n' && c != '\r') {
                    line.append((char) c);
                } else if (!line.isEmpty()) {
                    keep(line.toString(), kept);
                    line.setLength(0);
                }
            }
        } catch (IOException e) {
            line.append(" (output cut: ").append(e.getMessage()).append(')');
        }
        if (!line.isEmpty()) {
            keep(line.toString(), kept);
        }
    }

    private void keep(String line, Deque<String> kept) {
        synchronized (kept) {
            kept.add(line);
            if (kept.size() > KEPT_LINES) {
                kept.removeFirst();
            }
        }
        lines.accept(line);
    }
}
