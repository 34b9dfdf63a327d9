package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.MemberRow;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/** Runs statements on a member's server. */
interface Sql {
    /** @param password empty: none, or the one in ~/.pgpass */
    record Login(String user, String password, String database) {
        @Override
        public String toString() {
            return "Login[" + user + ", " + database + "]";
        }
    }

    /** Whether the server has to be in recovery. */
    enum Recovery {
        YES,
        NO,
        EITHER
    }

    sealed interface Answer {}

    /** @param titles none: the statement returns no rows */
    record Rows(List<String> titles, List<List<Object>> rows) implements Answer {}

    record NoConnection(String why) implements Answer {}

    record Failed(String sqlState, String why) implements Answer {}

    Answer run(MemberRow member, Login login, String text, Recovery recovery);

    /** With the driver that the agent uses. */
    final class OverJdbc implements Sql {
        private static final String CONNECT_SECONDS = "5";

        @Override
        public Answer run(MemberRow member, Login login, String text, Recovery recovery) {
            try (Connection connection = connect(member, login)) {
                if (recovery != Recovery.EITHER && (recovery == Recovery.YES) != isInRecovery(connection)) {
                    return new NoConnection(
                            recovery == Recovery.YES
                                    ? "it is not in recovery"
                                    : "it is in recovery, and takes no writes");
                }
                try (Statement statement = connection.createStatement()) {
                    return rows(statement, text);
                } catch (SQLException e) {
                    return new Failed(String.valueOf(e.getSQLState()), e.getMessage());
                }
            } catch (SQLException e) {
                return new NoConnection(e.getMessage());
            }
        }

        private static Connection connect(MemberRow member, Login login) throws SQLException {
            Properties properties = new Properties();
            properties.setProperty("user", login.user());
            if (!login.password().isEmpty()) {
                properties.setProperty("password", login.password());
            }
            properties.setProperty("PGDBNAME", login.database());
            properties.setProperty("ApplicationName", "Matriarch ctl");
            properties.setProperty("connectTimeout", CONNECT_SECONDS);
            properties.setProperty("loginTimeout", CONNECT_SECONDS);
            properties.setProperty("tcpKeepAlive", "true");
            String host = member.getHost();
            String shown = host.indexOf(':') >= 0 ? "[" + host + "]" : host;
            return new org.postgresql.Driver()
                    .connect("jdbc:postgresql://" + shown + ":" + member.getPort() + "/", properties);
        }

        private static boolean isInRecovery(Connection connection) throws SQLException {
            try (Statement statement = connection.createStatement();
                    ResultSet answer = statement.executeQuery("SELECT pg_catalog.pg_is_in_recovery()")) {
                return answer.next() && answer.getBoolean(1);
            }
        }

        /** Of several statements, those of the last that returns any. */
        private static Answer rows(Statement statement, String text) throws SQLException {
            List<String> titles = List.of();
            List<List<Object>> rows = List.of();
            boolean isRows = statement.execute(text);
            while (isRows || statement.getUpdateCount() >= 0) {
                if (isRows) {
                    try (ResultSet result = statement.getResultSet()) {
                        titles = new ArrayList<>();
                        rows = new ArrayList<>();
                        int columns = result.getMetaData().getColumnCount();
                        for (int c = 1; c <= columns; c++) {
                            titles.add(result.getMetaData().getColumnLabel(c));
                        }
                        while (result.next()) {
                            rows.add(row(result, columns));
                        }
                    }
                }
                isRows = statement.getMoreResults();
            }
            return new Rows(titles, rows);
        }

        private static List<Object> row(ResultSet result, int columns) throws SQLException {
            List<Object> row = new ArrayList<>();
            for (int c = 1; c <= columns; c++) {
                Object value = result.getObject(c);
                // Numbers stay numbers for programs; all else as psql shows it.
                boolean whole = value instanceof Integer || value instanceof Long;
                row.add(value == null ? "" : whole ? value : result.getString(c));
            }
            return row;
        }
    }
}
