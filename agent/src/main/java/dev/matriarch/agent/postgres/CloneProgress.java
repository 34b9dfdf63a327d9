package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How far a copy is.
 *
 * @param method that makes it
 * @param bytes copied so far
 * @param total bytes that there will be, as far as is known; 0: unknown
 * @param elapsed since the copy began
 */
public record CloneProgress(String method, long bytes, long total, Duration elapsed) {
    /** As pg_basebackup prints it: {@code 23456/78901 kB (29%), 0/1 tablespace}. */
    private static final Pattern BASEBACKUP = Pattern.compile("(\\d+)/(\\d+) kB");

    private static final Duration LOOK_EVERY = Duration.ofSeconds(5);

    /** Bytes per second since it began. */
    public long rate() {
        long millis = elapsed.toMillis();
        return millis < 100 ? 0 : bytes * 1000 / millis;
    }

    /** What is left at this rate; empty if that cannot be told. */
    public Optional<Duration> left() {
        long rate = rate();
        return total <= 0 || rate <= 0
                ? Optional.empty()
                : Optional.of(Duration.ofSeconds(Math.max(0, total - bytes) / rate));
    }

    /** From a line of pg_basebackup; empty if it says something else. */
    static Optional<CloneProgress> ofBaseBackup(String line, Duration elapsed) {
        Matcher numbers = BASEBACKUP.matcher(line);
        if (!numbers.find()) {
            return Optional.empty();
        }
        long done = Long.parseLong(numbers.group(1)) << 10;
        // What is written meanwhile comes on top of the estimate.
        return Optional.of(
                new CloneProgress("basebackup", done, Math.max(done, Long.parseLong(numbers.group(2)) << 10), elapsed));
    }

    /** Measures a directory that a program fills, until it is closed. */
    static Watch watch(String method, Path directory, Consumer<CloneProgress> told) {
        long begun = System.nanoTime();
        Thread thread = Thread.ofVirtual().name("clone-progress").start(() -> {
            try {
                while (true) {
                    Duration elapsed = Duration.ofNanos(System.nanoTime() - begun);
                    told.accept(new CloneProgress(method, size(directory), 0, elapsed));
                    Thread.sleep(LOOK_EVERY);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        return thread::interrupt;
    }

    /** Ends the measuring. */
    interface Watch {
        void close();
    }

    private static long size(Path directory) {
        long[] sum = {0};
        try {
            Files.walkFileTree(directory, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                    sum[0] += attributes.size();
                    return Thread.currentThread().isInterrupted()
                            ? FileVisitResult.TERMINATE
                            : FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException problem) {
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            return sum[0];
        }
        return sum[0];
    }
}
