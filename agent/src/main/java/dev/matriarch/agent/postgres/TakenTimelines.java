package dev.matriarch.agent.postgres;

import dev.matriarch.agent.ha.LocalPostgres;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Timeline numbers that somebody else took, or may have taken, without this server having heard of it.
 *
 * <p>At its promotion PostgreSQL goes up from the timeline it is on until it finds no history file, in its archive or in
 * pg_wal, and takes that number. So a history file of a number that is taken makes it go on to the next one. There is
 * nothing to say in it but a comment, which PostgreSQL passes over. Standbys fetch it with the files of the other
 * timelines, and so it must stay where it is after the promotion.
 *
 * <p>Before the promotion it must not be there when the server starts: recovery would aim for that timeline and find that
 * nothing leads there.
 */
final class TakenTimelines {
    private static final String COMMENT =
            "# Matriarch: another member may have opened this timeline; nothing leads to it\n";
    /** More cannot be right. */
    private static final int MOST = 1000;

    private final Path wal;

    TakenTimelines(Path dataDir) {
        this.wal = dataDir.resolve("pg_wal");
    }

    /** Between the timeline that is left and the one that is to be opened none is free any more. */
    void leaveOut(int left, int opened) throws PostgresException {
        if (opened - left > MOST) {
            throw new PostgresException("The server is on timeline " + left + " and is to be promoted to timeline "
                    + opened + ": it is not believable that all in between are taken");
        }
        for (int timeline = left + 1; timeline < opened; timeline++) {
            Path file = history(timeline);
            try {
                if (!Files.exists(file)) {
                    DurableFile.write(file, COMMENT);
                }
            } catch (IOException e) {
                throw new PostgresException(
                        "It cannot be noted that timeline " + timeline + " is taken, in " + file + ": " + e, e);
            }
        }
    }

    /** Before a start: files of a promotion that did not come to pass. */
    void forget(LocalPostgres stopped) throws PostgresException {
        Optional<Integer> current = stopped.control().map(LocalPostgres.ControlFile::timeline);
        if (current.isEmpty() || !Files.isDirectory(wal)) {
            return;
        }
        try (DirectoryStream<Path> files = Files.newDirectoryStream(wal, "????????.history")) {
            for (Path file : files) {
                int timeline =
                        Integer.parseUnsignedInt(file.getFileName().toString().substring(0, 8), 16);
                if (timeline > current.get()
                        && Files.size(file) == COMMENT.length()
                        && Files.readString(file).equals(COMMENT)) {
                    DurableFile.delete(file);
                }
            }
        } catch (IOException | NumberFormatException e) {
            throw new PostgresException("The history files in " + wal + " cannot be looked through: " + e, e);
        }
    }

    private Path history(int timeline) {
        return wal.resolve(String.format("%08X.history", timeline));
    }
}
