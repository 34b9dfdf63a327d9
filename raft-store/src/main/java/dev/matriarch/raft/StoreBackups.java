package dev.matriarch.raft;

import dev.matriarch.dcs.Measure;
import dev.matriarch.raft.state.SavedStore;
import dev.matriarch.raft.state.SnapshotFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Saves what the store holds to a directory from time to time, as {@code raft snapshot save} does, and removes the oldest of
 * its own files there. A file is there in full or not at all. {@link #step} is for one thread, the rest for any.
 */
final class StoreBackups implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(StoreBackups.class);
    private static final String ENDING = ".store";
    private static final DateTimeFormatter STAMP =
            DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
    private static final Duration LOOK = Duration.ofSeconds(10);

    private final RaftStore.Backups settings;
    private final String prefix;
    private final Supplier<StoreGroup.Saved> source;
    private final Thread thread;
    private volatile Optional<Instant> last = Optional.empty();
    private volatile long bytes;
    private volatile String problem = "";
    private volatile boolean closed;

    /** @param name of this member: several may share a directory */
    StoreBackups(RaftStore.Backups settings, String name, Supplier<StoreGroup.Saved> source) {
        this.settings = settings;
        this.prefix = name.replaceAll("[^A-Za-z0-9._-]", "_") + "-";
        this.source = source;
        this.thread = Thread.ofPlatform().daemon().name("raft-store-backup").unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    private void run() {
        long pause = Math.min(LOOK.toMillis(), Math.max(1, settings.interval().toMillis() / 2));
        try {
            while (!closed) {
                step(Instant.now());
                Thread.sleep(pause);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Saves the store if the youngest file is old enough. One that was written in the future, before the clock was set back,
     * does not count.
     *
     * @param now wall clock, as files are for people
     */
    void step(Instant now) {
        try {
            NavigableMap<Instant, Path> files = files();
            Map.Entry<Instant, Path> youngest = files.floorEntry(now);
            last = Optional.ofNullable(youngest).map(Map.Entry::getKey);
            if (youngest != null) {
                bytes = Files.size(youngest.getValue());
            }
            if (last.isPresent() && last.get().plus(settings.interval()).isAfter(now)) {
                return;
            }
            StoreGroup.Saved saved = source.get();
            if (!saved.problem().isEmpty()) {
                failed("the store cannot be read: " + saved.problem());
                return;
            }
            Path written = write(now, saved.file());
            last = Optional.of(now);
            bytes = saved.file().length;
            if (!problem.isEmpty()) {
                LOG.info("The store is saved again, to {}", written);
            }
            problem = "";
            prune(written);
        } catch (IOException e) {
            failed(e.toString());
        } catch (RuntimeException e) {
            // The thread lives on, and the metric says that something is wrong.
            failed("unexpectedly: " + e);
        } catch (SnapshotFormat.UnreadableSnapshot e) {
            failed("what was written " + e.getMessage() + ": check the disk");
        }
    }

    private void failed(String why) {
        if (!why.equals(problem)) {
            problem = why;
            LOG.warn(
                    "The store could not be saved to {} ({}). It is tried again every {} s; what was saved before is there",
                    settings.directory(),
                    why,
                    LOOK.toSeconds());
        }
    }

    private NavigableMap<Instant, Path> files() throws IOException {
        NavigableMap<Instant, Path> found = new TreeMap<>();
        if (!Files.isDirectory(settings.directory())) {
            return found;
        }
        try (Stream<Path> all = Files.list(settings.directory())) {
            all.forEach(file -> written(file).ifPresent(at -> found.put(at, file)));
        }
        return found;
    }

    /** Empty for a file that is none of ours. */
    private Optional<Instant> written(Path file) {
        String name = file.getFileName().toString();
        if (!name.startsWith(prefix) || !name.endsWith(ENDING)) {
            return Optional.empty();
        }
        try {
            return Optional.of(
                    Instant.from(STAMP.parse(name.substring(prefix.length(), name.length() - ENDING.length()))));
        } catch (DateTimeParseException | StringIndexOutOfBoundsException e) {
            return Optional.empty();
        }
    }

    /** Read back before it gets its name: a file that bears it is good. */
    private Path write(Instant now, byte[] saved) throws IOException, SnapshotFormat.UnreadableSnapshot {
        Files.createDirectories(settings.directory());
        Path file = settings.directory().resolve(prefix + STAMP.format(now) + ENDING);
        Path draft = file.resolveSibling(prefix + "new.draft");
        Files.deleteIfExists(draft);
        try (FileChannel channel = FileChannel.open(
                draft,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            ByteBuffer buffer = ByteBuffer.wrap(saved);
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
            channel.force(true);
        }
        SavedStore.read(Files.readAllBytes(draft));
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
        Durable.syncDirectory(settings.directory());
        return file;
    }

    private void prune(Path written) throws IOException {
        List<Path> others = new ArrayList<>(files().values());
        others.remove(written);
        others.sort(Comparator.comparing(f -> f.getFileName().toString()));
        for (int i = 0; i <= others.size() - settings.keep(); i++) {
            Files.deleteIfExists(others.get(i));
        }
    }

    /** @param now wall clock */
    List<Measure> measures(Instant now) {
        List<Measure> measures = new ArrayList<>();
        last.ifPresent(at -> {
            measures.add(Measure.gauge(
                    "raft_backup_age_seconds",
                    "Time since the store was last saved to raft.backup.directory.",
                    Math.max(0, Duration.between(at, now).toMillis() / 1e3)));
            measures.add(Measure.gauge("raft_backup_bytes", "Size of the store's last saved file.", bytes));
        });
        measures.add(Measure.gauge(
                "raft_backup_failed",
                "1 if the store could not be saved to raft.backup.directory when it was last tried.",
                problem.isEmpty() ? 0 : 1));
        return measures;
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
    }
}
