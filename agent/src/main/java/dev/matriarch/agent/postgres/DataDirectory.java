package dev.matriarch.agent.postgres;

import dev.matriarch.agent.ha.LocalPostgres;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The data directory as a whole.
 *
 * <p>Work that would leave it useless when interrupted is announced by a marker beside it, and taken back when done.
 */
final class DataDirectory {
    private static final Logger log = LoggerFactory.getLogger(DataDirectory.class);

    /** @param problem empty if all is well */
    record Condition(LocalPostgres.DataDirectory kind, String problem) {}

    /** Begins a marker that says so. */
    private static final String REPLACEABLE = "replaceable: ";

    private final Path path;
    private final Binaries binaries;
    private final List<Path> markers;
    /** The volumes of the places asked for so far; any thread. */
    private final Map<Path, FileStore> volumes = new ConcurrentHashMap<>();

    DataDirectory(Path path, Path stateDir, Binaries binaries) {
        this.path = path.toAbsolutePath().normalize();
        this.binaries = binaries;
        // Beside it, so that it moves with the volume; where the parent cannot be written, with the agent's files.
        markers = List.of(sibling("unfinished"), stateDir.resolve("data-directory-unfinished"));
    }

    Path path() {
        return path;
    }

    Path sibling(String suffix) {
        return path.resolveSibling(path.getFileName() + "." + suffix);
    }

    Condition condition() {
        for (Path marker : markers) {
            if (Files.exists(marker)) {
                if (isReplaceable(marker)) {
                    return new Condition(
                            isEmpty() ? LocalPostgres.DataDirectory.EMPTY : LocalPostgres.DataDirectory.PARTIAL_COPY,
                            "The data directory " + path + " holds a copy that was not finished (" + marker + ").");
                }
                return new Condition(
                        LocalPostgres.DataDirectory.HALF_WRITTEN,
                        "The data directory " + path + " is not usable: work on it did not finish (" + marker + ").");
            }
        }
        if (isEmpty()) {
            return new Condition(LocalPostgres.DataDirectory.EMPTY, "");
        }
        String problem = defect();
        return new Condition(
                problem.isEmpty() ? LocalPostgres.DataDirectory.VALID : LocalPostgres.DataDirectory.UNUSABLE, problem);
    }

    /** Why it is no data directory of these programs; empty if it is one. */
    String defect() {
        if (!Files.isDirectory(path)) {
            return path + " (postgresql.data_dir) is not a directory. Correct the setting or move the file away.";
        }
        String version;
        try {
            Object owner = Files.getAttribute(path, "unix:uid");
            Object self = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
            if (!owner.equals(self)) {
                return "The data directory " + path + " belongs to user id " + owner + ", but the agent runs as " + self
                        + ". Run the agent as the owner, or chown the directory.";
            }
            version = Files.readString(path.resolve("PG_VERSION")).strip();
        } catch (java.nio.file.NoSuchFileException e) {
            return "The directory " + path + " (postgresql.data_dir) is not empty, but is no PostgreSQL data directory"
                    + " either: it has no PG_VERSION. Nothing in it was touched. Choose another directory or empty it.";
        } catch (IOException e) {
            return "The data directory " + path + " cannot be read: " + e + ". Check its owner and mode.";
        }
        if (!version.equals(Integer.toString(binaries.major()))) {
            return "The data directory " + path + " was made by PostgreSQL " + version + ", but the programs in "
                    + binaries.directory() + " are of version " + binaries.major()
                    + ". Set postgresql.bin_dir to the matching version, or upgrade the data directory.";
        }
        if (!Files.isReadable(path.resolve("global/pg_control"))) {
            return "The data directory " + path + " has no readable global/pg_control: it is damaged. Restore it from"
                    + " a backup, or move it away to have it cloned from the leader.";
        }
        return "";
    }

    /** On its volume or that of its WAL, whichever has less; empty if that cannot be told. */
    java.util.OptionalLong freeBytes() {
        try {
            long least = freeBytes(path);
            Path wal = path.resolve("pg_wal");
            if (Files.isSymbolicLink(wal)) {
                least = Math.min(least, freeBytes(wal));
            }
            return java.util.OptionalLong.of(least);
        } catch (IOException e) {
            volumes.clear();
            return java.util.OptionalLong.empty();
        }
    }

    /** To find a volume all mounts are read; to ask it, only the path. */
    private long freeBytes(Path place) throws IOException {
        FileStore volume = volumes.get(place);
        if (volume == null) {
            volume = Files.getFileStore(place);
            volumes.put(place, volume);
        }
        return volume.getUsableSpace();
    }

    /** Missing, or without a file. */
    boolean isEmpty() {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return true;
        }
        if (!Files.isDirectory(path)) {
            return false;
        }
        try (Stream<Path> entries = Files.list(path)) {
            return entries.allMatch(p -> p.getFileName().toString().equals("lost+found"));
        } catch (IOException e) {
            return false;
        }
    }

    /** Makes it, empty, if it is missing. */
    void create() throws IOException {
        if (!Files.exists(path)) {
            Files.createDirectories(path.getParent());
            Files.createDirectory(
                    path,
                    java.nio.file.attribute.PosixFilePermissions.asFileAttribute(
                            java.nio.file.attribute.PosixFilePermissions.fromString("rwx------")));
        }
    }

    void requireEmpty(String purpose) throws PostgresException {
        if (!isEmpty()) {
            throw new PostgresException("The directory " + path + " is not empty: it was left as it is, and no "
                    + purpose + " was made. Move it away first.");
        }
    }

    /** Announces work that must not be interrupted. */
    void markUnfinished(String what) throws PostgresException {
        IOException first = null;
        for (Path marker : markers) {
            try {
                Files.createDirectories(marker.getParent());
                DurableFile.write(marker, what + "\n");
                return;
            } catch (IOException e) {
                first = first == null ? e : first;
            }
        }
        throw new PostgresException("Cannot write " + markers.getFirst() + " before " + what + ": " + first, first);
    }

    /** Like {@link #markUnfinished}, of a directory whose whole content may be thrown away or written over. */
    void markReplaceable(String what) throws PostgresException {
        markUnfinished(REPLACEABLE + what);
    }

    private static boolean isReplaceable(Path marker) {
        try {
            return Files.readString(marker).startsWith(REPLACEABLE);
        } catch (IOException e) {
            return false;
        }
    }

    /** Refuses to let anything be written into a directory that is neither empty nor given up. */
    void requireReplaceable() throws PostgresException {
        if (!isEmpty() && condition().kind() != LocalPostgres.DataDirectory.PARTIAL_COPY) {
            throw new PostgresException("The directory " + path + " is not empty: it was left as it is, and no copy was"
                    + " made. Move it away first, or order a reinit.");
        }
    }

    void markFinished() throws PostgresException {
        for (Path marker : markers) {
            try {
                DurableFile.delete(marker);
            } catch (IOException e) {
                throw new PostgresException("Cannot remove " + marker + ": " + e, e);
            }
        }
    }

    /** Lets a complete new directory take the place of the empty one. */
    void install(Path fresh) throws PostgresException {
        try {
            Files.deleteIfExists(path);
            Files.move(fresh, path);
            DurableFile.syncDirectory(path.getParent());
        } catch (IOException e) {
            throw new PostgresException("Cannot rename " + fresh + " to " + path + ": " + e, e);
        }
    }

    /**
     * True if a sibling can be made and renamed to it; not so for a mount point, for a symbolic link, or below a
     * directory that we cannot write.
     */
    boolean replaceable() {
        try {
            Files.createDirectories(path.getParent());
            if (Files.isSymbolicLink(path) || !Files.isWritable(path.getParent())) {
                return false;
            }
            if (!Files.exists(path)) {
                return true;
            }
            // lost+found inside, or another device than the parent: a mount point.
            try (Stream<Path> entries = Files.list(path)) {
                if (entries.findAny().isPresent()) {
                    return false;
                }
            }
            return Files.getAttribute(path, "unix:dev").equals(Files.getAttribute(path.getParent(), "unix:dev"));
        } catch (IOException e) {
            return false;
        }
    }

    /** Moves what a failed attempt left to {@code NAME.failed}, or to a name like it if there is one already. */
    Path setAsideFailed(String why) throws PostgresException {
        Path plain = sibling("failed");
        return Files.exists(plain, LinkOption.NOFOLLOW_LINKS) ? setAside("failed", why) : moveTo(plain, why);
    }

    Path setAside(String why) throws PostgresException {
        return setAside(why, why);
    }

    private Path setAside(String name, String why) throws PostgresException {
        String stamp = LocalDateTime.now().format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"));
        String first = name.replaceAll("[^A-Za-z0-9_-]", "-") + "-" + stamp;
        Path target = sibling(first);
        for (int n = 2; Files.exists(target, LinkOption.NOFOLLOW_LINKS); n++) {
            target = sibling(first + "-" + n);
        }
        return moveTo(target, why);
    }

    private Path moveTo(Path target, String why) throws PostgresException {
        try {
            log.warn("Moving the data directory {} aside to {}: {}", path, target, why);
            OutsideParts.of(path)
                    .setAside(target.getFileName()
                            .toString()
                            .substring(path.getFileName().toString().length() + 1));
            Files.move(path, target);
            DurableFile.syncDirectory(path.getParent());
        } catch (IOException e) {
            throw new PostgresException("Cannot rename " + path + " to " + target + ": " + e, e);
        }
        markFinished();
        return target;
    }

    void remove(String why) throws PostgresException {
        log.warn("Removing the data directory {}: {}", path, why);
        // A half removed directory must not be taken for a server.
        markReplaceable("removing " + path);
        try {
            OutsideParts.of(path).delete();
            deleteTree(path, !replaceable() && Files.isDirectory(path));
        } catch (IOException e) {
            throw new PostgresException("Cannot remove " + path + ": " + e, e);
        }
        markFinished();
    }

    /** Removes a copy beside the data directory that was not finished. */
    void removeBeside(Path copy) throws IOException {
        if (Files.exists(copy, LinkOption.NOFOLLOW_LINKS)) {
            log.info("Removing {}: what was made there was not finished", copy);
            OutsideParts.of(copy).delete();
            deleteTree(copy, false);
        }
    }

    /** Deletes a tree without following symbolic links inside it. */
    static void deleteTree(Path root, boolean keepRoot) throws IOException {
        if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Path start = Files.isSymbolicLink(root) ? root.toRealPath() : root;
        Files.walkFileTree(start, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, IOException problem) throws IOException {
                if (problem != null) {
                    throw problem;
                }
                boolean lostAndFound = directory.getFileName().toString().equals("lost+found")
                        && directory.getParent().equals(start);
                if (!(keepRoot && directory.equals(start)) && !lostAndFound) {
                    Files.deleteIfExists(directory);
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException problem) throws IOException {
                if (file.getFileName().toString().equals("lost+found")) {
                    return FileVisitResult.CONTINUE;
                }
                throw problem;
            }
        });
    }
}
