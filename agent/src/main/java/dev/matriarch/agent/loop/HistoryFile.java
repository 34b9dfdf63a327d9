package dev.matriarch.agent.loop;

import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.TimelineHistory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads PostgreSQL's own timeline history: {@code pg_wal/0000000N.history}, one tab-separated line for each timeline. */
final class HistoryFile {
    private static final Logger LOG = LoggerFactory.getLogger(HistoryFile.class);
    private final Path dataDir;

    HistoryFile(Path dataDir) {
        this.dataDir = dataDir;
    }

    /**
     * @param stored what the store has: its timestamps and leaders are kept
     * @param newLeader who opened {@code timeline}
     * @param most newest rows to keep; 0: all
     */
    TimelineHistory read(int timeline, Optional<TimelineHistory> stored, String newLeader, Instant now, int most) {
        if (timeline <= 1) {
            // No timeline has ended yet: what the store has is of an earlier life of the cluster.
            return TimelineHistory.EMPTY;
        }
        List<TimelineHistory.Row> rows = new ArrayList<>();
        Path file = dataDir.resolve("pg_wal").resolve(String.format("%08X.history", timeline));
        try {
            List<String[]> lines = Files.readAllLines(file).stream()
                    .map(line -> line.strip().split("\t", 3))
                    .filter(fields -> fields.length >= 2 && fields[0].matches("\\d+"))
                    .toList();
            for (String[] fields : lines) {
                rows.add(row(fields, fields == lines.getLast(), stored, newLeader, now));
            }
            rows = new TimelineHistory(rows).upTo(timeline).rows();
        } catch (IOException | IllegalArgumentException e) {
            LOG.warn("{} cannot be read, the timeline history stays as it is: {}", file, e.getMessage());
            return stored.orElse(TimelineHistory.EMPTY);
        }
        return new TimelineHistory(
                most > 0 && rows.size() > most ? rows.subList(rows.size() - most, rows.size()) : rows);
    }

    private static TimelineHistory.Row row(
            String[] fields, boolean latest, Optional<TimelineHistory> stored, String newLeader, Instant now) {
        int ended = Integer.parseInt(fields[0]);
        Optional<TimelineHistory.Row> known = stored.stream()
                .flatMap(h -> h.rows().stream())
                .filter(r -> r.timeline() == ended)
                .findFirst();
        return new TimelineHistory.Row(
                ended,
                Lsn.parse(fields[1].strip()),
                fields.length > 2 ? fields[2].strip() : "",
                known.flatMap(TimelineHistory.Row::timestamp)
                        .or(() -> latest ? Optional.of(now.toString()) : Optional.empty()),
                known.flatMap(TimelineHistory.Row::newLeader)
                        .or(() -> latest ? Optional.of(newLeader) : Optional.empty()));
    }
}
