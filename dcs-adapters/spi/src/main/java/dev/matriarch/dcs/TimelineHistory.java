package dev.matriarch.dcs;

import java.util.ArrayList;
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

    /**
     * With a row for each number that was left out before this timeline was opened, because somebody who is not part of this
     * history may have taken it.
     */
    public TimelineHistory upTo(int timeline) {
        if (rows.isEmpty() || currentTimeline() >= timeline) {
            return this;
        }
        List<Row> all = new ArrayList<>(rows);
        for (int left = currentTimeline(); left < timeline; left++) {
            all.add(new Row(left, rows.getLast().switchPoint(), "left out", Optional.empty(), Optional.empty()));
        }
        return new TimelineHistory(all);
    }

    /** The timeline that the cluster is on by this history; 1 if no timeline has ended. */
    public int currentTimeline() {
        return rows.isEmpty() ? 1 : rows.getLast().timeline() + 1;
    }
}
