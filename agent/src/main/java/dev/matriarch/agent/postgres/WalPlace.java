package dev.matriarch.agent.postgres;

import dev.matriarch.dcs.Lsn;
import java.util.Optional;

/**
 * Where a server stands in its timelines, and what a leader's history makes of that. Pure.
 *
 * @param position of a {@link Kind#REPLAYING} one what it has replayed, of any other the end of what it has, or its last
 *     checkpoint
 */
record WalPlace(int timeline, Lsn position, Kind kind) {
    enum Kind {
        REPLICA,
        /**
         * It runs as a standby, and may have more WAL than it has replayed. What was replayed cannot be taken back: that is
         * enough to know that it has diverged, and never enough to know that it will not.
         */
        REPLAYING,
        CLEAN_PRIMARY,
        CRASHED_PRIMARY;

        boolean isStandby() {
            return this == REPLICA || this == REPLAYING;
        }
    }

    String words() {
        return "timeline " + timeline + " at " + position;
    }

    /**
     * What the numbers of the timelines alone say; empty if the leader's history is needed, whose timeline is later then.
     *
     * @param openedHere this member began the timeline it is on
     */
    Optional<Divergence> byTimeline(String leader, int leaderTimeline, boolean openedHere) {
        if (timeline > leaderTimeline) {
            return Optional.of(
                    new Divergence.Diverged(words() + " is later than the leader's timeline " + leaderTimeline));
        }
        if (timeline < leaderTimeline) {
            return Optional.empty();
        }
        if (!kind.isStandby() || openedHere) {
            // Whoever leads after a primary was promoted to a later timeline than that primary's, unless it did not
            // know of it: then the number has been taken twice.
            return Optional.of(new Divergence.Diverged(
                    words() + " was opened here, and the leader " + leader + " opened another one of that number",
                    false));
        }
        return Optional.of(new Divergence.NotDiverged(words() + " is the leader's timeline"));
    }

    /**
     * What the leader's history says; empty if it depends on where the record ends that stands at the position.
     *
     * @param leaderTimeline later than this one
     * @param history the content of the leader's history file
     */
    Optional<Divergence> byHistory(int leaderTimeline, String history) {
        Optional<Lsn> end = switchpoint(history, timeline);
        if (end.isEmpty()) {
            return Optional.of(new Divergence.Diverged(
                    words() + " is not in the history of the leader's timeline " + leaderTimeline));
        }
        String left = left(end.get());
        return switch (kind) {
            case REPLICA, REPLAYING -> Optional.of(standby(end.get(), left));
            // WAL after the last checkpoint may go on behind the switchpoint.
            case CRASHED_PRIMARY ->
                Optional.of(new Divergence.Diverged(words() + " was primary and not shut down cleanly: " + left));
            case CLEAN_PRIMARY ->
                position.compareTo(end.get()) >= 0
                        ? Optional.of(new Divergence.Diverged(
                                words() + " is the shutdown checkpoint of a former primary: " + left))
                        : Optional.empty();
        };
    }

    private Divergence standby(Lsn end, String left) {
        if (position.isAfter(end)) {
            return new Divergence.Diverged(words() + " is ahead: " + left);
        }
        return kind == Kind.REPLICA
                ? new Divergence.NotDiverged(words() + " is part of the leader's history: " + left)
                // Without the position, which changes: it is one reason however far the server has come.
                : new Divergence.Unknown("it replays WAL on timeline " + timeline
                        + ", and does not show how much more it has; so far all of it is part of the leader's history");
    }

    String left(Lsn end) {
        return "the leader left timeline " + timeline + " at " + end;
    }

    /** Where the leader's history leaves the given timeline; empty if it never was on it. */
    static Optional<Lsn> switchpoint(String history, int timeline) {
        for (String line : history.split("\n")) {
            String[] fields = line.strip().split("\\s+", 3);
            if (fields.length >= 2 && fields[0].equals(Integer.toString(timeline))) {
                return Optional.of(Lsn.parse(fields[1]));
            }
        }
        return Optional.empty();
    }
}
