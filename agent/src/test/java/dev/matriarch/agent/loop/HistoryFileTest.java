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

class HistoryFileTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

    @TempDir
    private Path data;

    @BeforeEach
    void threeTimelinesEnded() throws IOException {
        Files.createDirectories(data.resolve("pg_wal"));
        Files.writeString(
                data.resolve("pg_wal/00000004.history"),
                "1\t0/3000000\tno recovery target specified\n2\t0/4000000\tno recovery target specified\n"
                        + "3\t0/5000000\tno recovery target specified\n");
    }

    private TimelineHistory read(int timeline, Optional<TimelineHistory> stored, int most) {
        return new HistoryFile(data).read(timeline, stored, "n2", NOW, most);
    }

    @Test
    void newRowHasTimeAndLeaderAndOldOnesKeepTheirs() {
        TimelineHistory.Row known = new TimelineHistory.Row(
                2, new Lsn(0x4000000), "no recovery target specified", Optional.of("earlier"), Optional.of("n1"));
        List<TimelineHistory.Row> rows =
                read(4, Optional.of(new TimelineHistory(List.of(known))), 0).rows();
        assertEquals(3, rows.size());
        assertEquals(known, rows.get(1));
        assertEquals(Optional.of(NOW.toString()), rows.get(2).timestamp());
        assertEquals(Optional.of("n2"), rows.get(2).newLeader());
        assertEquals(Optional.empty(), rows.get(0).timestamp());
    }

    @Test
    void onlyTheNewestRowsAreKept() {
        assertEquals(
                List.of(2, 3),
                read(4, Optional.empty(), 2).rows().stream()
                        .map(TimelineHistory.Row::timeline)
                        .toList());
        assertEquals(3, read(4, Optional.empty(), 0).rows().size());
        assertEquals(4, read(4, Optional.empty(), 1).currentTimeline());
    }

    @Test
    void firstTimelineHasNoHistoryWhateverTheStoreHas() {
        TimelineHistory old = read(4, Optional.empty(), 0);
        assertEquals(TimelineHistory.EMPTY, read(1, Optional.of(old), 0));
    }
}
