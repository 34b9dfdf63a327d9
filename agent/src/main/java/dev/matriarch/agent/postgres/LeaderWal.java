package dev.matriarch.agent.postgres;

import dev.matriarch.agent.ha.WalGap;
import dev.matriarch.dcs.Lsn;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import java.util.Set;

/**
 * How far a leader has come, and by which timelines.
 *
 * @param position where it writes
 * @param history the content of its history file, empty text for timeline 1; empty if it has none
 */
record LeaderWal(int timeline, Lsn position, Optional<String> history) {
    /** @param replication in the replication protocol */
    static LeaderWal of(Connection replication) throws SQLException {
        int timeline;
        Lsn position;
        try (Statement statement = replication.createStatement();
                ResultSet rows = statement.executeQuery("IDENTIFY_SYSTEM")) {
            rows.next();
            timeline = rows.getInt("timeline");
            position = Lsn.parse(rows.getString("xlogpos"));
        }
        return new LeaderWal(timeline, position, timeline == 1 ? Optional.of("") : history(replication, timeline));
    }

    static Optional<String> history(Connection replication, int timeline) throws SQLException {
        try (Statement statement = replication.createStatement();
                ResultSet rows = statement.executeQuery("TIMELINE_HISTORY " + timeline)) {
            return rows.next() ? Optional.of(rows.getString("content")) : Optional.empty();
        }
    }

    /**
     * What a standby that has WAL up to a position of this history cannot stream from here. It asks for the file that its
     * WAL ends in, from the beginning.
     *
     * @param segmentSize in bytes
     * @param files in the leader's {@code pg_wal}
     */
    Optional<WalGap> gap(Lsn from, long segmentSize, Set<String> files) {
        return history.flatMap(lines ->
                RewoundWal.along(lines, timeline, from, position, segmentSize).missing(Set.of(), files).stream()
                        .findFirst()
                        .map(file -> new WalGap(file, from)));
    }

    /**
     * The names of the files in another server's {@code pg_wal}.
     *
     * @param server a session of a superuser
     */
    static Set<String> files(Connection server) throws SQLException {
        Set<String> names = new java.util.HashSet<>();
        try (Statement statement = server.createStatement();
                ResultSet rows = statement.executeQuery("SELECT name FROM pg_catalog.pg_ls_waldir()")) {
            while (rows.next()) {
                names.add(rows.getString(1));
            }
        }
        return names;
    }
}
