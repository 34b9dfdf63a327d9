package dev.matriarch.agent.sharding;

import dev.matriarch.agent.config.Conninfo;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.postgres.PostgresServer;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/** The distributed database of the local server. */
final class CitusDatabase {
    private static final String APPLICATION = "Matriarch citus";
    private static final Duration CREATE = Duration.ofMinutes(2);

    private final PostgresServer server;
    private final String name;

    CitusDatabase(PostgresServer server, String name) {
        this.server = server;
        this.name = name;
    }

    /** @param timeout of the connection, and of each statement */
    Connection connect(Duration timeout) throws SQLException {
        return server.connect(APPLICATION, name, timeout);
    }

    /** Creates what is not there yet: the database, the extension, and how the groups' servers prove who they are. */
    void create() throws PostgresException {
        try {
            createDatabase();
            try (Connection connection = connect(CREATE);
                    Statement statement = connection.createStatement()) {
                statement.execute("SET synchronous_commit = 'local'");
                statement.execute("CREATE EXTENSION IF NOT EXISTS citus");
                writePassword(connection, statement);
            }
        } catch (SQLException e) {
            throw new PostgresException(
                    "the database '" + name + "' cannot be made ready for Citus: " + e.getMessage()
                            + ". Is the extension installed on this host for this version of PostgreSQL?",
                    e);
        }
    }

    private void createDatabase() throws SQLException {
        try (Connection connection = server.connect(APPLICATION, "postgres", CREATE);
                PreparedStatement query =
                        connection.prepareStatement("SELECT 1 FROM pg_catalog.pg_database WHERE datname = ?");
                Statement statement = connection.createStatement()) {
            statement.execute("SET synchronous_commit = 'local'");
            query.setString(1, name);
            try (ResultSet there = query.executeQuery()) {
                if (there.next()) {
                    return;
                }
            }
            statement.execute("CREATE DATABASE \"" + name.replace("\"", "\"\"") + "\"");
        }
    }

    private void writePassword(Connection connection, Statement statement) throws SQLException {
        Optional<String> password = server.superuser().password();
        if (password.isEmpty()) {
            return;
        }
        for (String quiet : new String[] {
            "SET log_statement = 'none'", "SET log_min_duration_statement = -1", "SET log_min_error_statement = 'panic'"
        }) {
            statement.execute(quiet);
        }
        try (PreparedStatement insert =
                connection.prepareStatement("INSERT INTO pg_dist_authinfo (nodeid, rolename, authinfo)"
                        + " SELECT 0, current_user, ? WHERE NOT EXISTS (SELECT 1 FROM pg_dist_authinfo"
                        + " WHERE nodeid = 0 AND rolename = current_user)")) {
            insert.setString(1, Conninfo.write(Map.of("password", password.get())));
            insert.executeUpdate();
        }
    }
}
