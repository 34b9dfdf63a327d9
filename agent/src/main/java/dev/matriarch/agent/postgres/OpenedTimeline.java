package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A note in the data directory: this member promoted this server, and from which timeline.
 *
 * <p>PostgreSQL takes the next number that it has not heard of for a new timeline. A promotion that nobody heard of and
 * another one after it take the same number, and nothing in their history files need differ. The note tells the server
 * that opened its timeline itself from one that followed. It is copied with the directory by a clone or a rewind; the
 * member's name in it says whose it is.
 */
final class OpenedTimeline {
    private static final String FILE = "matriarch.promoted";

    private final Path dataDir;
    private final String member;

    OpenedTimeline(Path dataDir, String member) {
        this.dataDir = dataDir;
        this.member = member;
    }

    /** Before the promotion. */
    void note(int timelineBefore) throws PostgresException {
        try {
            DurableFile.writeFor(dataDir, dataDir.resolve(FILE), timelineBefore + " " + member + "\n");
        } catch (IOException e) {
            throw new PostgresException("The promotion cannot be noted in " + dataDir.resolve(FILE) + ": " + e, e);
        }
    }

    /** True if this member's promotion began the timeline. False if nothing is noted. */
    boolean isOurs(int timeline) {
        try {
            String parent = "";
            for (String line : Files.readAllLines(history(timeline))) {
                String first = line.strip().split("\\s+", 2)[0];
                parent = first.isEmpty() ? parent : first;
            }
            return Files.readString(dataDir.resolve(FILE)).strip().equals(parent + " " + member);
        } catch (IOException e) {
            return false;
        }
    }

    private Path history(int timeline) {
        return dataDir.resolve("pg_wal").resolve(String.format("%08X.history", timeline));
    }
}
