package dev.matriarch.agent.postgres;

import dev.matriarch.dcs.Lsn;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The WAL that a rewound data directory is recovered with: from the last common checkpoint, along the history of the server
 * that it was rewound to, up to where that server was.
 *
 * <p>pg_rewind copies what that server has in {@code pg_wal} and does not ask whether it reaches back far enough; a server
 * that was cloned after the timelines parted has nothing from before. PostgreSQL then takes a segment of the same number from
 * the timeline before (XLogFileReadAnyTLI), which holds what was to be undone: at best it finds that the next one does not
 * fit, and waits for ever.
 *
 * @param from where recovery begins: START WAL LOCATION of {@code backup_label}
 * @param to where the other server was: the minimum recovery point
 * @param segmentSize in bytes, a power of two
 */
record RewoundWal(Lsn from, Lsn to, long segmentSize, List<Start> starts) {
    private static final Pattern LINE = Pattern.compile("(?m)^\\s*(\\d+)\\s+([0-9A-Fa-f]+/[0-9A-Fa-f]+)");

    /** Where a timeline begins, along one history; oldest first. */
    record Start(int timeline, Lsn at) {}

    /**
     * @param timeline that of the other server
     * @param history the content of its history file; empty for timeline 1
     */
    static RewoundWal along(String history, int timeline, Lsn from, Lsn to, long segmentSize) {
        List<Start> starts = new ArrayList<>();
        Lsn begin = Lsn.INVALID;
        Matcher ended = LINE.matcher(history);
        while (ended.find()) {
            starts.add(new Start(Integer.parseInt(ended.group(1)), begin));
            begin = Lsn.parse(ended.group(2));
        }
        starts.add(new Start(timeline, begin));
        return new RewoundWal(from, to, segmentSize, List.copyOf(starts));
    }

    /**
     * Names of the files that are needed and not there though a later one is: what comes after all that are there can be
     * streamed.
     *
     * @param present the names of the files in {@code pg_wal}
     */
    List<String> missing(Set<String> present) {
        return missing(present, present);
    }

    /**
     * The same if the rest can be streamed from a server that has these files. The last one of our own may have been received in
     * part, so that is needed from there as well.
     */
    List<String> missing(Set<String> ours, Set<String> theirs) {
        List<String> needed = new ArrayList<>();
        for (long segment = from.value() / segmentSize; segment <= to.value() / segmentSize; segment++) {
            needed.add(name(segment));
        }
        int lastOurs = last(needed, ours);
        List<String> missing = new ArrayList<>();
        for (int i = 0; i <= Math.max(lastOurs, last(needed, theirs)); i++) {
            String name = needed.get(i);
            if (!theirs.contains(name) && (!ours.contains(name) || i == lastOurs)) {
                missing.add(name);
            }
        }
        return missing;
    }

    private static int last(List<String> needed, Set<String> present) {
        int last = needed.size() - 1;
        while (last >= 0 && !present.contains(needed.get(last))) {
            last--;
        }
        return last;
    }

    /** A timeline's first segment holds what came before its beginning as well. */
    private String name(long segment) {
        int timeline = starts.getFirst().timeline();
        for (Start start : starts) {
            if (start.at().value() / segmentSize <= segment) {
                timeline = start.timeline();
            }
        }
        long perFile = 0x1_0000_0000L / segmentSize;
        return String.format("%08X%08X%08X", timeline, segment / perFile, segment % perFile);
    }
}
