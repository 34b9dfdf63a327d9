package dev.matriarch.agent.postgres;

import dev.matriarch.dcs.Lsn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A data directory that was cloned or rewound and has not reached consistency since: until then it is nobody's, and only
 * the WAL from where its recovery begins makes it a replica.
 */
final class UnrecoveredCopy {
    private static final Pattern START = Pattern.compile("(?m)^START WAL LOCATION: ([0-9A-F]+/[0-9A-F]+)");

    private final Path data;
    private final ControlData controlData;

    UnrecoveredCopy(Path data, ControlData controlData) {
        this.data = data;
        this.controlData = controlData;
    }

    /** Where its recovery begins; empty if it is none. */
    Optional<Lsn> begin(Deadline deadline) throws PostgresException {
        try {
            Matcher start = START.matcher(Files.readString(data.resolve("backup_label")));
            if (start.find()) {
                return Optional.of(Lsn.parse(start.group(1)));
            }
        } catch (NoSuchFileException recoveryHasBegun) {
            // PostgreSQL has taken over into the control file what stood there.
        } catch (IOException e) {
            throw new PostgresException("The file " + data.resolve("backup_label") + " cannot be read: " + e, e);
        }
        return controlData
                .read(deadline)
                .flatMap(ControlData.Content::backupStart)
                .filter(lsn -> !lsn.equals(Lsn.INVALID));
    }

    /** The names of the files in {@code pg_wal}. */
    Set<String> wal() throws PostgresException {
        try (Stream<Path> files = Files.list(data.resolve("pg_wal"))) {
            return files.map(f -> f.getFileName().toString()).collect(Collectors.toSet());
        } catch (IOException e) {
            throw new PostgresException("The WAL of " + data + " cannot be looked at: " + e, e);
        }
    }

    /**
     * A WAL file without which it cannot be recovered, and that neither this directory nor the leader has.
     *
     * @param history the content of the leader's history file; empty for timeline 1
     * @param position where the leader writes
     * @param leader a session of a superuser
     */
    Optional<String> lacking(String history, int timeline, Lsn position, Connection leader, Deadline deadline)
            throws PostgresException, SQLException {
        Optional<Lsn> begin = begin(deadline);
        Optional<ControlData.Content> control = controlData.read(deadline);
        if (begin.isEmpty() || control.isEmpty()) {
            return Optional.empty();
        }
        return RewoundWal.along(
                        history, timeline, begin.get(), position, control.get().segmentSize())
                .missing(wal(), LeaderWal.files(leader))
                .stream()
                .findFirst();
    }
}
