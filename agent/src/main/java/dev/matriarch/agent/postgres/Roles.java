package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.config.PostgresConfig;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.postgresql.util.PasswordUtil;

/** Database roles of the agent and of {@code bootstrap.users}. Passwords leave this process only hashed. */
final class Roles {
    private static final List<String> REWIND_FUNCTIONS = List.of(
            "pg_catalog.pg_ls_dir(text, boolean, boolean)",
            "pg_catalog.pg_stat_file(text, boolean)",
            "pg_catalog.pg_read_binary_file(text)",
            "pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)");

    private Roles() {}

    static void create(Connections connections, PostgresConfig config, BootstrapConfig bootstrap, Deadline deadline)
            throws PostgresException {
        try (Connection connection = connections.local("Matriarch bootstrap", deadline);
                Statement statement = connection.createStatement()) {
            statement.execute("SET log_statement = 'none'");
            statement.execute("SET log_min_duration_statement = -1");
            statement.execute("SET log_min_error_statement = 'panic'");
            // No replica exists yet that could confirm.
            statement.execute("SET synchronous_commit = 'local'");
            String superuser = config.superuser().username();
            if (!config.replication().username().equals(superuser)) {
                create(connection, config.replication(), "LOGIN REPLICATION");
            }
            if (!config.rewind().username().equals(superuser)) {
                create(
                        connection,
                        config.rewind(),
                        config.rewind().username().equals(config.replication().username())
                                ? "LOGIN REPLICATION"
                                : "LOGIN");
                for (String function : REWIND_FUNCTIONS) {
                    statement.execute("GRANT EXECUTE ON FUNCTION " + function + " TO "
                            + identifier(config.rewind().username()));
                }
            }
            for (Map.Entry<String, BootstrapConfig.User> user :
                    bootstrap.users().entrySet()) {
                create(
                        connection,
                        new PostgresConfig.Role(user.getKey(), user.getValue().password()),
                        options(user.getKey(), user.getValue().options()));
            }
        } catch (SQLException e) {
            throw new PostgresException("The roles of the cluster cannot be created: " + e.getMessage(), e);
        }
    }

    private static String options(String user, List<String> options) throws PostgresException {
        boolean login = true;
        for (String option : options) {
            if (!option.matches("[A-Za-z]+( [A-Za-z0-9_-]+)*")) {
                throw new PostgresException("'" + option + "' (bootstrap.users." + user + ".options) is no role"
                        + " attribute such as createdb.");
            }
            login &= !option.equalsIgnoreCase("login") && !option.equalsIgnoreCase("nologin");
        }
        return (login ? "LOGIN " : "") + String.join(" ", options);
    }

    private static void create(Connection connection, PostgresConfig.Role role, String attributes) throws SQLException {
        boolean exists;
        try (PreparedStatement query = connection.prepareStatement(
                "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) ?::name")) {
            query.setString(1, role.username());
            try (ResultSet rows = query.executeQuery()) {
                exists = rows.next();
            }
        }
        Optional<String> hashed = role.password().isPresent()
                ? Optional.of(PasswordUtil.encodePassword(
                        role.username(), role.password().get().toCharArray(), "scram-sha-256"))
                : Optional.empty();
        try (Statement statement = connection.createStatement()) {
            statement.execute((exists ? "ALTER ROLE " : "CREATE ROLE ") + identifier(role.username()) + " WITH "
                    + attributes
                    + hashed.map(hash -> " PASSWORD '" + hash.replace("'", "''") + "'")
                            .orElse(""));
        }
    }

    static String identifier(String name) {
        return '"' + name.replace("\"", "\"\"") + '"';
    }
}
