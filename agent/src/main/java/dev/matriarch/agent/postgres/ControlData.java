package dev.matriarch.agent.postgres;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.dcs.Lsn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The control file through {@code pg_controldata}, read again only when it changed. */
final class ControlData {
    private static final Logger log = LoggerFactory.getLogger(ControlData.class);

    /** @param settings name to value of those that a replica must not set lower */
    record Content(String systemIdentifier, LocalPostgres.ControlFile control, Map<String, String> raw) {
        /** A setting as stored, such as {@code max_connections}. */
        Optional<Integer> setting(String name) {
            return Optional.ofNullable(raw.get(name + " setting")).map(Integer::valueOf);
        }

        /** Of a copy, or a rewound directory, whose recovery has begun and not reached consistency. */
        Optional<Lsn> backupStart() {
            return Optional.ofNullable(raw.get("Backup start location")).map(Lsn::parse);
        }

        /** Of the files in {@code pg_wal}, in bytes. */
        long segmentSize() {
            return Long.parseLong(raw.get("Bytes per WAL segment"));
        }
    }

    private final Binaries binaries;
    private final Path dataDir;
    private FileTime readAt;
    private Object readInode;
    private Content content;

    ControlData(Binaries binaries, Path dataDir) {
        this.binaries = binaries;
        this.dataDir = dataDir;
    }

    /** Empty if there is no control file or it cannot be read; the reason is logged. */
    synchronized Optional<Content> read(Deadline deadline) {
        Path file = dataDir.resolve("global/pg_control");
        try {
            FileTime modified = Files.getLastModifiedTime(file);
            Object inode = Files.getAttribute(file, "unix:ino");
            if (content == null || !modified.equals(readAt) || !inode.equals(readInode)) {
                content = parse(deadline);
                readAt = modified;
                readInode = inode;
            }
            return Optional.of(content);
        } catch (java.nio.file.NoSuchFileException e) {
            content = null;
            return Optional.empty();
        } catch (IOException | PostgresException | RuntimeException e) {
            log.warn("The control file of {} cannot be read: {}", dataDir, e.getMessage());
            content = null;
            return Optional.empty();
        }
    }

    /** The system identifier never changes: while the server runs, what was read earlier will do. */
    synchronized Optional<String> systemIdentifier(Deadline deadline) {
        Path file = dataDir.resolve("global/pg_control");
        try {
            if (content != null && Files.getAttribute(file, "unix:ino").equals(readInode)) {
                return Optional.of(content.systemIdentifier);
            }
        } catch (IOException e) {
            return Optional.empty();
        }
        return read(deadline).map(Content::systemIdentifier);
    }

    private Content parse(Deadline deadline) throws PostgresException {
        Child.Result result = Child.of(List.of(binaries.path("pg_controldata"), "-D", dataDir.toString()))
                .run(deadline);
        if (result.exitCode() != 0) {
            throw new PostgresException("pg_controldata failed: " + result.lastLines());
        }
        Map<String, String> raw = new HashMap<>();
        for (String line : result.output().split("\n")) {
            int colon = line.indexOf(':');
            if (colon > 0) {
                raw.put(
                        line.substring(0, colon).strip(),
                        line.substring(colon + 1).strip());
            }
        }
        boolean checksums = !raw.getOrDefault("Data page checksum version", "0").equals("0");
        boolean hints = raw.getOrDefault("wal_log_hints setting", "off").equals("on");
        return new Content(
                need(raw, "Database system identifier"),
                new LocalPostgres.ControlFile(
                        need(raw, "Database cluster state"),
                        Integer.parseInt(need(raw, "Latest checkpoint's TimeLineID")),
                        Lsn.parse(need(raw, "Latest checkpoint location")),
                        Lsn.parse(need(raw, "Minimum recovery ending location")),
                        Integer.parseInt(need(raw, "Min recovery ending loc's timeline")),
                        checksums || hints),
                Map.copyOf(raw));
    }

    private static String need(Map<String, String> raw, String key) throws PostgresException {
        String value = raw.get(key);
        if (value == null) {
            throw new PostgresException("pg_controldata printed no '" + key + "'");
        }
        return value;
    }
}
