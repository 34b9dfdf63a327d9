package dev.matriarch.agent.postgres;

import dev.matriarch.dcs.Lsn;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/**
 * What a server says of itself when it is examined.
 *
 * @param position written to disk by a primary, received or replayed by a replica; {@link Lsn#INVALID} unknown
 * @param rewindable data checksums or wal_log_hints are on
 * @param tls it takes TLS connections
 * @param certificate of its own, as it is configured: relative to the data directory, or absolute
 * @param archiveProblem what became of the last attempt to archive, if it failed; else empty
 * @param collation by which versions of which libraries databases sort; empty if they need none
 * @param staleCollations a half sentence for each database that was made with another version
 */
public record ServerReport(
        Lsn position,
        boolean rewindable,
        boolean tls,
        String certificate,
        boolean archiving,
        String archiveProblem,
        String collation,
        List<String> staleCollations) {

    private static final int RECORDED_COLLATIONS = 15;

    private static final String SETTINGS = "SELECT current_setting('data_checksums') = 'on' OR"
            + " current_setting('wal_log_hints') = 'on', current_setting('ssl') = 'on',"
            + " current_setting('ssl_cert_file'), current_setting('archive_mode') <> 'off',"
            + " current_setting('server_version_num')::int / 10000,"
            + " CASE WHEN pg_catalog.pg_is_in_recovery() THEN greatest(pg_catalog.pg_last_wal_receive_lsn(),"
            + " pg_catalog.pg_last_wal_replay_lsn()) ELSE pg_catalog.pg_current_wal_flush_lsn() END::text";

    private static final String ARCHIVER =
            "SELECT 'WAL file ' || last_failed_wal || ' could not be archived, last tried '"
                    + " || last_failed_time::timestamp(0) FROM pg_catalog.pg_stat_archiver"
                    + " WHERE last_failed_time > coalesce(last_archived_time, '-infinity')"
                    // Of one that was a primary once it is what it failed at then.
                    + " AND (NOT pg_catalog.pg_is_in_recovery() OR current_setting('archive_mode') = 'always')";

    /** Before there was another provider for a whole database. */
    private static final String OLD_COLLATION =
            "SELECT 'C library ' || max(pg_catalog.pg_collation_actual_version(oid))"
                    + " FROM pg_catalog.pg_collation WHERE collprovider = 'c' AND EXISTS (SELECT FROM pg_catalog.pg_database"
                    + " WHERE datallowconn AND datcollate NOT IN ('C', 'POSIX') AND datcollate NOT LIKE 'C.%')";

    private static final String COLLATION = "SELECT string_agg(DISTINCT CASE datlocprovider WHEN 'i' THEN 'ICU ' ELSE"
            + " 'C library ' END || pg_catalog.pg_database_collation_actual_version(oid), ', ')"
            + " FROM pg_catalog.pg_database WHERE datallowconn AND datlocprovider IN ('c', 'i')";

    private static final String STALE = "SELECT datname || ' (' || datcollversion || ', now '"
            + " || pg_catalog.pg_database_collation_actual_version(oid) || ')' FROM pg_catalog.pg_database"
            + " WHERE datallowconn AND datcollversion <> pg_catalog.pg_database_collation_actual_version(oid)"
            + " ORDER BY 1";

    static ServerReport ask(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            boolean rewindable;
            boolean tls;
            String certificate;
            boolean archiving;
            int major;
            Lsn position;
            try (ResultSet row = statement.executeQuery(SETTINGS)) {
                row.next();
                rewindable = row.getBoolean(1);
                tls = row.getBoolean(2);
                certificate = row.getString(3);
                archiving = row.getBoolean(4);
                major = row.getInt(5);
                String where = row.getString(6);
                position = where == null ? Lsn.INVALID : Lsn.parse(where);
            }
            List<String> failed = archiving ? texts(statement, ARCHIVER) : List.of();
            List<String> sorting = texts(statement, major >= RECORDED_COLLATIONS ? COLLATION : OLD_COLLATION);
            return new ServerReport(
                    position,
                    rewindable,
                    tls,
                    certificate,
                    archiving,
                    failed.isEmpty() ? "" : failed.getFirst(),
                    sorting.isEmpty() ? "" : sorting.getFirst(),
                    major >= RECORDED_COLLATIONS ? texts(statement, STALE) : List.of());
        }
    }

    private static List<String> texts(Statement statement, String sql) throws SQLException {
        List<String> texts = new ArrayList<>();
        try (ResultSet rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                String text = rows.getString(1);
                if (text != null) {
                    texts.add(text);
                }
            }
        }
        return texts;
    }
}
