package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.postgresql.util.PasswordUtil;

/** What the agent writes, read by PostgreSQL and libpq themselves. */
@ExtendWith(Unprivileged.class)
class ReadBackTest {
    private static final int PARAMETERS = 200;
    private static final int ROLES = 12;

    @Test
    void aServerReadsWhatWasWritten() throws Exception {
        OddText odd = new OddText(4);
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = servers.primary(config, "a");
            try (Connection connection = DriverManager.getConnection(
                    "jdbc:postgresql://127.0.0.1:" + config.port() + "/postgres", "postgres", TestServers.PASSWORD)) {
                parameters(odd, servers, server, connection);
                accessLines(servers, server, config, connection);
                roles(odd, config, connection);
            }
        }
    }

    private static void parameters(OddText odd, TestServers servers, PostgresServer server, Connection connection)
            throws Exception {
        Map<String, String> parameters = new HashMap<>(TestServers.parameters(servers.root()));
        Map<String, String> given = new LinkedHashMap<>();
        for (int i = 0; i < PARAMETERS; i++) {
            given.put("odd.p" + i, odd.nextWithLines(12));
        }
        given.put("log_line_prefix", "%t it's \\ \"%q\" # ");
        given.put("application_name", "x");
        parameters.putAll(given);
        parameters.put("odd.last", "written");
        server.configuration().write(parameters, null, Optional.of(""));
        server.configuration().reload();
        awaitSetting(connection, "odd.last", "written");
        for (Map.Entry<String, String> p : given.entrySet()) {
            if (!p.getKey().equals("application_name")) {
                assertEquals(p.getValue(), setting(connection, p.getKey()), p.getKey());
            }
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(
                        "SELECT string_agg(name || ': ' || error, '; ') FROM pg_file_settings WHERE error IS NOT NULL"
                                + " AND error NOT LIKE '%restart%'")) {
            assertTrue(rows.next());
            assertEquals(null, rows.getString(1));
        }
    }

    private static void accessLines(
            TestServers servers, PostgresServer server, PostgresConfig config, Connection connection) throws Exception {
        List<String> hba = new ArrayList<>(config.pgHba());
        hba.add("host \"odd db\" \"it's a \\role\" 127.0.0.1/32 scram-sha-256");
        hba.add("host all \"all\",+group 10.0.0.0/8 ident map=\"my map\"");
        hba.add("hostssl all all .example.com cert # why");
        List<String> ident = List.of("\"my map\" /^(.*)@example\\.com$ \\1", "m \"a b\" \"c d\"");
        server.reconfigure(TestServers.withAccess(config, hba, ident));
        server.configuration().write(TestServers.parameters(servers.root()), null, Optional.of(""));
        server.configuration().reload();
        assertEquals(
                "odd db it's a \\role scram-sha-256",
                one(
                        connection,
                        "SELECT concat_ws(' ', database[1], user_name[1], auth_method) FROM pg_hba_file_rules"
                                + " WHERE database[1] = 'odd db'"));
        assertEquals(
                Integer.toString(hba.size()),
                one(connection, "SELECT count(*) FROM pg_hba_file_rules WHERE type IS NOT NULL"));
        assertEquals(
                "my map|/^(.*)@example\\.com$|\\1, m|a b|c d",
                one(
                        connection,
                        "SELECT string_agg(map_name || '|' || sys_name || '|' || pg_username, ', '"
                                + " ORDER BY line_number) FROM pg_ident_file_mappings WHERE error IS NULL"));
    }

    /** psql, which is libpq, logs in with the agent's connection string and password file. */
    private static void roles(OddText odd, PostgresConfig config, Connection connection) throws Exception {
        Binaries binaries = Binaries.find(config.binDir());
        for (int i = 0; i < ROLES; i++) {
            PostgresConfig.Role role = new PostgresConfig.Role(odd.name() + i, Optional.of("p" + odd.next(12)));
            create(connection, role);
            String member = "member " + odd.name();
            PostgresConfig changed = TestServers.withReplication(config, role);
            LibpqAccess libpq = new LibpqAccess(changed, binaries.major(), member);
            libpq.writePassfile();
            String tool = libpq.toolConnectionString(TestServers.upstream("a", config), role, "postgres");
            // Else a copy from a host that was cut off would stand still for two hours.
            assertTrue(tool.contains("keepalives_idle='10'"), tool);
            Child.Result result = Child.of(List.of(
                            binaries.path("psql"),
                            "--no-psqlrc",
                            "--no-password",
                            "--tuples-only",
                            "--no-align",
                            "--command=SELECT current_user || '|' || current_setting('application_name')",
                            "--dbname=" + tool))
                    .run(Deadline.in(Duration.ofSeconds(20)));
            assertEquals(0, result.exitCode(), role + ": " + result.output());
            // What is not ASCII is replaced in application_name.
            assertEquals(
                    role.username() + "|" + ascii(member, binaries.major()),
                    result.output().strip(),
                    role.toString());
        }
    }

    private static String ascii(String text, int major) {
        StringBuilder shown = new StringBuilder();
        for (byte b : text.getBytes(java.nio.charset.StandardCharsets.UTF_8)) {
            boolean plain = b >= 32 && b < 127;
            shown.append(plain ? Character.toString(b) : major >= 16 ? String.format("\\x%02x", b) : "?");
        }
        return shown.substring(0, Math.min(63, shown.length()));
    }

    private static void create(Connection connection, PostgresConfig.Role role) throws Exception {
        String hash = PasswordUtil.encodePassword(
                role.username(), role.password().orElseThrow().toCharArray(), "scram-sha-256");
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE ROLE \"" + role.username().replace("\"", "\"\"") + "\" LOGIN PASSWORD '"
                    + hash.replace("'", "''") + "'");
        }
    }

    private static void awaitSetting(Connection connection, String name, String value) throws Exception {
        long deadline = System.nanoTime() + TestServers.LONG.toNanos();
        while (!value.equals(setting(connection, name))) {
            if (System.nanoTime() - deadline > 0) {
                throw new AssertionError(name + " is still " + setting(connection, name));
            }
            Thread.sleep(20);
        }
    }

    private static String setting(Connection connection, String name) throws Exception {
        try (PreparedStatement query = connection.prepareStatement("SELECT current_setting(?, true)")) {
            query.setString(1, name);
            try (ResultSet rows = query.executeQuery()) {
                return rows.next() ? rows.getString(1) : null;
            }
        }
    }

    private static String one(Connection connection, String sql) throws Exception {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            return rows.next() ? rows.getString(1) : null;
        }
    }
}
