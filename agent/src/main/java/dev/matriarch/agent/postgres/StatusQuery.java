package dev.matriarch.agent.postgres;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.dcs.Lsn;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The one query of a heartbeat. Works from PostgreSQL 10 on. */
final class StatusQuery {
    /** @param systemIdentifier of the server that answered */
    record Answer(String systemIdentifier, LocalPostgres.Status status) {}

    /*
     * Timeline: a primary's from the WAL file it writes, because the control file still names the old one right after a
     * promotion. A replica's from the WAL receiver, else the latest that it has WAL of: its control file follows only at
     * the next restart point, and a leader race would take the replica for one that was left behind.
     *
     * reload_taken_up: that commits wait for standbys at all is a flag in shared memory that only the checkpointer sets
     * (SyncRepUpdateSyncStandbysDefined), and in the midst of an immediate checkpoint it reads no configuration. It does
     * where it waits; before PostgreSQL 15 its pauses between writes have no name.
     *
     * pending_restart: what belongs to recovery is put right by the agent, and waits for no operator.
     *
     * Position: a replica that has just started replays the WAL it has before it asks for more, and does not show how much
     * that is. Until it waits for more, or has streamed, its position is unknown: one that is too low would make it a
     * voter for members that lack what it has confirmed to have.
     */
    private static final String SQL = """
            SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS system_identifier,
              r.in_recovery,
              CASE WHEN r.in_recovery
                THEN coalesce(w.received_tli,
                       (SELECT greatest(c.timeline_id, m.min_recovery_end_timeline,
                                 (SELECT max(('x' || pg_catalog.substr(f.name, 1, 8))::bit(32)::int)
                                    FROM pg_catalog.pg_ls_waldir() f WHERE f.name ~ '^[0-9A-F]{24}$'))
                          FROM pg_catalog.pg_control_checkpoint() c, pg_catalog.pg_control_recovery() m))
                ELSE ('x' || pg_catalog.substr(
                       pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int
              END AS timeline,
              CASE WHEN NOT r.in_recovery THEN pg_catalog.pg_current_wal_flush_lsn()::text END AS flushed,
              CASE WHEN r.in_recovery THEN pg_catalog.pg_last_wal_receive_lsn()::text END AS received,
              CASE WHEN r.in_recovery THEN pg_catalog.pg_last_wal_replay_lsn()::text END AS replayed,
              r.in_recovery AND pg_catalog.pg_last_wal_receive_lsn() IS NULL AND NOT coalesce(
                (SELECT bool_or(a.wait_event IN ('RecoveryWalStream', 'RecoveryWalAll', 'RecoveryRetrieveRetryInterval'))
                   FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'startup'), false) AS catching_up,
              CASE WHEN r.in_recovery THEN pg_catalog.pg_is_wal_replay_paused() ELSE false END AS paused,
              CASE WHEN r.in_recovery THEN pg_catalog.pg_last_xact_replay_timestamp()::text END AS replay_timestamp,
              coalesce(w.status = 'streaming', false) AS streaming,
              w.latest_end_lsn::text AS upstream_end,
              pg_catalog.current_setting('synchronous_standby_names') AS synchronous_standby_names,
              coalesce((SELECT bool_or(coalesce(k.wait_event IN ('CheckpointerMain', 'CheckpointWriteDelay'),
                    pg_catalog.current_setting('server_version_num')::int < 150000))
                  FROM pg_catalog.pg_stat_activity k WHERE k.backend_type = 'checkpointer'), true) AS reload_taken_up,
              pg_catalog.current_setting('synchronous_commit') AS synchronous_commit,
              pg_catalog.current_setting('server_version_num')::int AS server_version,
              pg_catalog.pg_postmaster_start_time()::text AS start_time,
              ARRAY(SELECT unnest(ARRAY[coalesce(s.application_name, ''), coalesce(s.usename::text, ''),
                  coalesce(s.client_addr::text, ''), coalesce(s.state, ''), coalesce(s.sync_state, ''),
                  coalesce(s.sync_priority, 0)::text, coalesce(s.write_lsn::text, '0/0'),
                  coalesce(s.flush_lsn::text, '0/0'), coalesce(s.replay_lsn::text, '0/0')])
                FROM pg_catalog.pg_stat_replication s) AS senders,
              ARRAY(SELECT unnest(ARRAY[l.slot_name::text, l.active::text, coalesce(l.restart_lsn::text, '0/0'),
                  l.slot_type, coalesce(l.database::text, ''), coalesce(l.plugin::text, ''),
                  coalesce(l.confirmed_flush_lsn::text, '0/0'), coalesce(j->>'failover', ''), coalesce(j->>'synced', ''),
                  coalesce(j->>'wal_status', ''), (l.xmin IS NOT NULL OR l.catalog_xmin IS NOT NULL)::text,
                  coalesce(l.catalog_xmin::text, '0')])
                FROM pg_catalog.pg_replication_slots l, pg_catalog.to_jsonb(l) j WHERE NOT l.temporary) AS slots,
              ARRAY(SELECT unnest(ARRAY[g.name, pg_catalog.current_setting(g.name) || '->' || coalesce((SELECT f.setting
                  FROM pg_catalog.pg_file_settings f WHERE f.name = g.name ORDER BY f.seqno DESC LIMIT 1),
                  g.boot_val, '')])
                FROM pg_catalog.pg_settings g WHERE g.pending_restart AND g.name <> 'hot_standby'
                  AND g.name NOT LIKE 'recovery\\_%' AND g.name NOT LIKE 'primary\\_%') AS pending_restart
            FROM (SELECT pg_catalog.pg_is_in_recovery() AS in_recovery OFFSET 0) r
            LEFT JOIN pg_catalog.pg_stat_get_wal_receiver() w ON true""";

    private static final int SENDER_COLUMNS = 9;
    private static final int SLOT_COLUMNS = 12;

    private StatusQuery() {}

    static Answer run(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(SQL);
                ResultSet row = statement.executeQuery()) {
            row.next();
            boolean inRecovery = row.getBoolean("in_recovery");
            Lsn received = lsn(row.getString("received"));
            Lsn replayed = lsn(row.getString("replayed"));
            Lsn standby = row.getBoolean("catching_up") ? Lsn.INVALID : Lsn.max(received, replayed);
            Lsn position = inRecovery ? standby : lsn(row.getString("flushed"));
            return new Answer(
                    row.getString("system_identifier"),
                    new LocalPostgres.Status(
                            inRecovery,
                            row.getInt("timeline"),
                            position,
                            received,
                            replayed,
                            row.getBoolean("paused"),
                            Optional.ofNullable(row.getString("replay_timestamp")),
                            row.getBoolean("streaming"),
                            row.getString("synchronous_standby_names"),
                            row.getBoolean("reload_taken_up"),
                            row.getString("synchronous_commit"),
                            senders(texts(row.getArray("senders"))),
                            slots(texts(row.getArray("slots"))),
                            row.getInt("server_version"),
                            row.getString("start_time"),
                            pairs(texts(row.getArray("pending_restart"))),
                            Optional.ofNullable(row.getString("upstream_end")).map(Lsn::parse)));
        }
    }

    private static List<LocalPostgres.Sender> senders(String[] cells) {
        List<LocalPostgres.Sender> senders = new ArrayList<>();
        for (int i = 0; i + SENDER_COLUMNS <= cells.length; i += SENDER_COLUMNS) {
            senders.add(new LocalPostgres.Sender(
                    cells[i],
                    cells[i + 1],
                    cells[i + 2],
                    cells[i + 3],
                    cells[i + 4],
                    Integer.parseInt(cells[i + 5]),
                    lsn(cells[i + 6]),
                    lsn(cells[i + 7]),
                    lsn(cells[i + 8])));
        }
        return List.copyOf(senders);
    }

    private static List<LocalPostgres.Slot> slots(String[] cells) {
        List<LocalPostgres.Slot> slots = new ArrayList<>();
        for (int i = 0; i + SLOT_COLUMNS <= cells.length; i += SLOT_COLUMNS) {
            slots.add(new LocalPostgres.Slot(
                    cells[i],
                    cells[i + 1].equals("true"),
                    lsn(cells[i + 2]),
                    cells[i + 3].equals("logical")
                            ? Optional.of(new LocalPostgres.LogicalSlot(
                                    cells[i + 4],
                                    cells[i + 5],
                                    lsn(cells[i + 6]),
                                    cells[i + 7].equals("true"),
                                    cells[i + 8].equals("true")))
                            : Optional.empty(),
                    cells[i + 9],
                    cells[i + 10].equals("true"),
                    Long.parseLong(cells[i + 11])));
        }
        return List.copyOf(slots);
    }

    private static Map<String, String> pairs(String[] cells) {
        Map<String, String> pairs = new LinkedHashMap<>();
        for (int i = 0; i + 2 <= cells.length; i += 2) {
            pairs.put(cells[i], cells[i + 1]);
        }
        return Map.copyOf(pairs);
    }

    private static String[] texts(Array array) throws SQLException {
        return (String[]) array.getArray();
    }

    private static Lsn lsn(String text) {
        return text == null ? Lsn.INVALID : Lsn.parse(text);
    }
}
