package dev.matriarch.agent.postgres;

import dev.matriarch.agent.ha.SlotChange;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates, drops and moves replication slots. One that fails does not keep the others from their turn. */
final class SlotWork {
    private static final Logger log = LoggerFactory.getLogger(SlotWork.class);

    private static final String OBJECT_IN_USE = "55006";

    private final Connections connections;

    SlotWork(Connections connections) {
        this.connections = connections;
    }

    /** @return names of those that could not be changed */
    Set<String> physical(List<SlotChange> changes, Monitor monitor, Deadline deadline) throws PostgresException {
        try {
            return monitor.ask(connection -> run(connection, changes), deadline);
        } catch (SQLException e) {
            throw new PostgresException("The replication slots cannot be brought up to date: " + e.getMessage(), e);
        }
    }

    /** In the database that the slot is for; may take as long as decoding the WAL in between does. */
    void logical(SlotChange change, String database, Deadline deadline) throws PostgresException {
        try (Connection connection = connections.local("Matriarch slots", database, deadline)) {
            change(connection, change);
        } catch (SQLException e) {
            throw new PostgresException(change.words() + " failed: " + e.getMessage(), e);
        }
    }

    private static Set<String> run(Connection connection, List<SlotChange> changes) {
        Set<String> failed = new TreeSet<>();
        for (SlotChange change : changes) {
            try {
                change(connection, change);
            } catch (SQLException e) {
                if (!OBJECT_IN_USE.equals(e.getSQLState())) {
                    log.warn("Replication slot {}: {} failed: {}", change.name(), change.words(), e.getMessage());
                }
                failed.add(change.name());
            }
        }
        return failed;
    }

    private static void change(Connection connection, SlotChange change) throws SQLException {
        String name = change.name();
        switch (change) {
            case SlotChange.CreatePhysical physical -> {
                if (absent(connection, name)) {
                    call(connection, "SELECT pg_catalog.pg_create_physical_replication_slot(?, true)", name);
                }
            }
            case SlotChange.CreateLogical logical -> {
                if (absent(connection, name)) {
                    call(
                            connection,
                            "SELECT pg_catalog.pg_create_logical_replication_slot(?, ?)",
                            name,
                            logical.plugin());
                }
            }
            case SlotChange.Advance advance ->
                call(
                        connection,
                        "SELECT pg_catalog.pg_replication_slot_advance(?, least(?::pg_lsn, CASE WHEN"
                                + " pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE"
                                + " pg_catalog.pg_current_wal_flush_lsn() END))",
                        name,
                        advance.to().toString());
            case SlotChange.Drop drop -> drop(connection, name);
            case SlotChange.Expire expire -> drop(connection, name);
        }
    }

    private static void drop(Connection connection, String name) throws SQLException {
        if (!absent(connection, name)) {
            call(connection, "SELECT pg_catalog.pg_drop_replication_slot(?)", name);
        }
    }

    private static boolean absent(Connection connection, String name) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT 1 FROM pg_catalog.pg_replication_slots WHERE slot_name = ?")) {
            statement.setString(1, name);
            try (ResultSet rows = statement.executeQuery()) {
                return !rows.next();
            }
        }
    }

    private static void call(Connection connection, String sql, String... arguments) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < arguments.length; i++) {
                statement.setString(i + 1, arguments[i]);
            }
            statement.execute();
        }
    }
}
