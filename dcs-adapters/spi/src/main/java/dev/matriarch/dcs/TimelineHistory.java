package dev.matriarch.dcs;

import java.util.List;
import java.util.Optional;

/**
 * The {@code history} key: one row for each timeline that has ended.
 *
 * @param rows oldest first
 */
public record TimelineHistory(List<Row> rows) {
    public static final TimelineHistory EMPTY = new TimelineHistory(List.of());

    public TimelineHistory {
        rows = List.copyOf(rows);
    }

    /**
     * @param timeline the timeline that ended
     * @param switchPoint where it ended
     * @param timestamp ISO 8601, when known
     * @param newLeader member that opened the next timeline, when known
     */
    public record Row(
            int timeline, Lsn switchPoint, String reason, Optional<String> timestamp, Optional<String> newLeader) {}

    /** The timeline that the cluster is on by this history; 1 if no timeline has ended. */
    public int currentTimeline() {
        return rows.isEmpty() ? 1 : rows.getLast().timeline() + 1;
    }
}
