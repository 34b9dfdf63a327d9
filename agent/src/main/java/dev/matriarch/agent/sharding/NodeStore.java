package dev.matriarch.agent.sharding;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** {@code pg_dist_node} of the local server, and the functions of Citus (10 and later) that change it. One thread. */
final class NodeStore implements AutoCloseable {
    /** To the distributed database of the local server. */
    interface Connect {
        Connection open() throws SQLException;
    }

    private final Connect connect;
    private Connection connection;

    NodeStore(Connect connect) {
        this.connect = connect;
    }

    private Connection connection() throws SQLException {
        if (connection == null) {
            connection = connect.open();
        }
        return connection;
    }

    List<NodeTable.Row> rows(int group) throws SQLException {
        try (PreparedStatement query = connection()
                .prepareStatement("SELECT nodeid, nodename, nodeport, noderole::text FROM pg_dist_node"
                        + " WHERE groupid = ? ORDER BY nodeid")) {
            query.setInt(1, group);
            List<NodeTable.Row> rows = new ArrayList<>();
            try (ResultSet result = query.executeQuery()) {
                while (result.next()) {
                    rows.add(new NodeTable.Row(
                            result.getInt(1), result.getString(2), result.getInt(3), result.getString(4)));
                }
            }
            return rows;
        }
    }

    /** @param cooldown how long transactions that use the node may go on before they are ended */
    void take(NodeTable.Step step, Duration cooldown) throws SQLException {
        switch (step) {
            case NodeTable.Add(String host, int port, int group, String role) ->
                call("citus_add_node(?, ?, ?, ?::noderole, 'default')", host, port, group, role);
            case NodeTable.Update(int id, String host, int port) ->
                call("citus_update_node(?, ?, ?, true, ?)", id, host, port, Math.toIntExact(cooldown.toMillis()));
            case NodeTable.SetCoordinator(String host, int port) ->
                call("citus_set_coordinator_host(?, ?, 'primary', 'default')", host, port);
            case NodeTable.Remove(String host, int port) -> call("citus_remove_node(?, ?)", host, port);
        }
    }

    private void call(String function, Object... arguments) throws SQLException {
        try (PreparedStatement statement = connection().prepareStatement("SELECT " + function)) {
            for (int i = 0; i < arguments.length; i++) {
                statement.setObject(i + 1, arguments[i]);
            }
            statement.execute();
        }
    }

    void begin() throws SQLException {
        if (connection != null && !connection.isValid(1)) {
            // The server was restarted since.
            close();
        }
        connection().setAutoCommit(false);
    }

    void commit() throws SQLException {
        connection().commit();
        connection().setAutoCommit(true);
    }

    /** Undoes what was begun, by giving up the connection if nothing else helps. Never fails. */
    void rollback() {
        try {
            if (connection != null && !connection.getAutoCommit()) {
                connection.rollback();
                connection.setAutoCommit(true);
            }
        } catch (SQLException e) {
            close();
        }
    }

    @Override
    public void close() {
        if (connection != null) {
            try {
                connection.close();
            } catch (SQLException e) {
                // It is gone either way.
            }
            connection = null;
        }
    }
}
