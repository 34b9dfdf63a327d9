package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.TimelineHistory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HistoryRowsTest {
    private static final Instant NOW = Instant.parse("2026-01-02T03:04:05Z");
    private static final Optional<String> BEFORE = Optional.of("2025-12-31T00:00:00Z");

    @TempDir
    Path data;

    @BeforeEach
    void promotedTwice() throws IOException {
        Files.createDirectories(data.resolve("pg_wal"));
        Files.writeString(
                data.resolve("pg_wal/00000003.history"),
                "1\t0/3000000\tno recovery target specified\n\n2\t0/5000060\tno recovery target specified\n");
    }

    private TimelineHistory read(Optional<TimelineHistory> stored, int most) {
        return new HistoryFile(data).read(3, stored, "n2", NOW, most);
    }

    private static TimelineHistory.Row row(int timeline, long lsn, Optional<String> time, Optional<String> leader) {
        return new TimelineHistory.Row(timeline, new Lsn(lsn), "no recovery target specified", time, leader);
    }

    @Test
    void rowsGetTheLeaderAndTheTimeOfTheNewestOnly() {
        TimelineHistory.Row latest = row(2, 0x5000060, Optional.of(NOW.toString()), Optional.of("n2"));
        assertEquals(
                List.of(row(1, 0x3000000, Optional.empty(), Optional.empty()), latest),
                read(Optional.empty(), 0).rows());
        // What was known is kept.
        TimelineHistory.Row old = row(1, 0x3000000, BEFORE, Optional.of("n1"));
        assertEquals(
                List.of(old, latest),
                read(Optional.of(new TimelineHistory(List.of(old))), 0).rows());
    }

    /** Timeline 4 may be somebody's of whom nobody heard: this member opened 5. */
    @Test
    void numberThatWasLeftOutHasARowOfItsOwn() throws IOException {
        Files.writeString(
                data.resolve("pg_wal/00000005.history"),
                "1\t0/3000000\tno recovery target specified\n\n3\t0/5000060\tno recovery target specified\n");
        TimelineHistory history = new HistoryFile(data).read(5, Optional.empty(), "n2", NOW, 0);
        assertEquals(5, history.currentTimeline());
        assertEquals(
                row(3, 0x5000060, Optional.of(NOW.toString()), Optional.of("n2")),
                history.rows().get(1));
        assertEquals(
                new TimelineHistory.Row(4, new Lsn(0x5000060), "left out", Optional.empty(), Optional.empty()),
                history.rows().get(2));
    }

    @Test
    void onlyTheNewestRowsAreKept() {
        TimelineHistory history = read(Optional.empty(), 1);
        assertEquals(1, history.rows().size());
        assertEquals(3, history.currentTimeline());
    }

    @Test
    void aFileThatCannotBeReadChangesNothing() throws IOException {
        Files.delete(data.resolve("pg_wal/00000003.history"));
        Optional<TimelineHistory> stored =
                Optional.of(new TimelineHistory(List.of(row(1, 0x3000000, BEFORE, Optional.of("n1")))));
        assertEquals(stored.get(), read(stored, 0));
    }
}
