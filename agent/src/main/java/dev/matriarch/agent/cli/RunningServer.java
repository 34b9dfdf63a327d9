package dev.matriarch.agent.cli;

import dev.matriarch.agent.config.ConfigTemplate;
import dev.matriarch.agent.config.Conninfo;
import dev.matriarch.agent.config.HostPort;
import java.io.Console;
import java.io.PrintStream;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;

/** Describes a running PostgreSQL server as the configuration of an agent. Reads only. */
final class RunningServer {
    /** Given elsewhere in the configuration, or by the agent itself. */
    private static final Set<String> NOT_COPIED = Set.of(
            "listen_addresses",
            "port",
            "cluster_name",
            "data_directory",
            "config_file",
            "hba_file",
            "ident_file",
            "external_pid_file",
            "hot_standby",
            "primary_conninfo",
            "primary_slot_name",
            "promote_trigger_file",
            "synchronous_standby_names",
            "recovery_target",
            "recovery_target_action",
            "recovery_target_inclusive",
            "recovery_target_lsn",
            "recovery_target_name",
            "recovery_target_time",
            "recovery_target_timeline",
            "recovery_target_xid");

    private static final Map<String, String> VARIABLES = Map.of(
            "host", "PGHOST", "port", "PGPORT", "user", "PGUSER", "password", "PGPASSWORD", "dbname", "PGDATABASE");
    private static final int SECONDS = 10;

    private final Connection connection;
    private final PrintStream notes;

    private RunningServer(Connection connection, PrintStream notes) {
        this.connection = connection;
        this.notes = notes;
    }

    /**
     * @param notes what the user should look at
     * @throws Refusal if the server cannot be reached or does not tell enough
     */
    static String describe(Optional<String> dsn, Map<String, String> environment, PrintStream notes) throws Refusal {
        Map<String, String> where = where(dsn, environment);
        if (where.get("host").startsWith("/")) {
            notes.println("# " + where.get("host")
                    + " is a directory of sockets; this program speaks TCP and tries localhost");
            where.put("host", "localhost");
        }
        try (Connection connection = connect(where)) {
            connection.setReadOnly(true);
            return new RunningServer(connection, notes).text(environment);
        } catch (SQLException e) {
            throw new Refusal("the server at " + where.get("host") + ":" + where.get("port") + " cannot be described: "
                    + e.getMessage());
        }
    }

    private static Map<String, String> where(Optional<String> dsn, Map<String, String> environment) throws Refusal {
        Map<String, String> where = new LinkedHashMap<>(Map.of("host", "localhost", "port", "5432"));
        where.put("user", environment.getOrDefault("USER", "postgres"));
        VARIABLES.forEach((keyword, variable) -> {
            String value = environment.getOrDefault(variable, "");
            if (!value.isEmpty()) {
                where.put(keyword, value);
            }
        });
        try {
            dsn.map(Conninfo::parse).ifPresent(where::putAll);
        } catch (IllegalArgumentException e) {
            throw new Refusal("the DSN cannot be read: " + e.getMessage());
        }
        where.putIfAbsent("dbname", "postgres");
        return where;
    }

    private static Connection connect(Map<String, String> where) throws SQLException {
        try {
            return open(where);
        } catch (SQLException e) {
            Console console = System.console();
            boolean passwordMissing = !where.containsKey("password")
                    && ("28P01".equals(e.getSQLState())
                            || String.valueOf(e.getMessage()).contains("password"));
            if (!passwordMissing || console == null || !console.isTerminal()) {
                throw e;
            }
            char[] given = console.readPassword("Please enter the user password: ");
            where.put("password", given == null ? "" : new String(given));
            return open(where);
        }
    }

    private static Connection open(Map<String, String> where) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", where.get("user"));
        if (where.containsKey("password")) {
            properties.setProperty("password", where.get("password"));
        }
        properties.setProperty("sslmode", where.getOrDefault("sslmode", "prefer"));
        properties.setProperty("gssEncMode", "disable");
        properties.setProperty("connectTimeout", Integer.toString(SECONDS));
        properties.setProperty("socketTimeout", Integer.toString(SECONDS));
        properties.setProperty("ApplicationName", "matriarch --generate-config");
        String host = where.get("host");
        Connection connection = new org.postgresql.Driver()
                .connect(
                        "jdbc:postgresql://" + (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":"
                                + where.get("port") + "/"
                                + java.net.URLEncoder.encode(
                                        where.get("dbname"), java.nio.charset.StandardCharsets.UTF_8),
                        properties);
        if (connection == null) {
            throw new SQLException("the driver refused the address");
        }
        return connection;
    }

    private String text(Map<String, String> environment) throws SQLException, Refusal {
        if (!one("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")
                .equals("t")) {
            throw new Refusal("The provided user does not have superuser privilege");
        }
        String address = ThisHost.address();
        ConfigTemplate template = new ConfigTemplate(ThisHost.name(), address);
        template.withoutParameters();
        String scope = setting("cluster_name");
        if (!scope.isEmpty()) {
            template.scope(scope);
        }
        listen(template, address);
        String dataDir = setting("data_directory");
        template.dataDir(dataDir);
        Path configFile = Path.of(setting("config_file"));
        String configDir = configFile.getParent().toString();
        template.configFile(
                configDir.equals(dataDir) ? Optional.empty() : Optional.of(configDir),
                configFile.getFileName().toString().replaceFirst("\\.conf$", ""));
        template.binDir(one("SELECT setting FROM pg_catalog.pg_config WHERE name = 'BINDIR'"));
        template.superuser(one("SELECT current_user"));
        parameters(template);
        template.pgHba(List.of());
        file(configDir, "hba_file", "pg_hba.conf").ifPresent(template::pgHba);
        file(configDir, "ident_file", "pg_ident.conf")
                .filter(lines -> !lines.isEmpty())
                .ifPresent(template::pgIdent);
        template.overlay(environment);
        return template.text();
    }

    private void listen(ConfigTemplate template, String address) throws SQLException {
        String listen = setting("listen_addresses").replace(" ", "");
        int port = Integer.parseInt(setting("port"));
        boolean onlyHere = Set.of(listen.split(",")).stream()
                .allMatch(a -> a.isEmpty() || a.equals("localhost") || a.startsWith("127.") || a.equals("::1"));
        if (onlyHere) {
            notes.println("# The server listens on '" + listen + "' only, where no other member could reach it;"
                    + " postgresql.listen names " + address + " as well");
            listen = (listen.isEmpty() ? "" : listen + ",") + address;
        }
        template.listen(listen, HostPort.parse(address, port));
    }

    /** What a file, the command line or the environment set, and is not the default. */
    private void parameters(ConfigTemplate template) throws SQLException {
        Map<String, String> found = new LinkedHashMap<>();
        rows("""
                SELECT s.name, coalesce(f.setting, pg_catalog.current_setting(s.name))
                  FROM pg_catalog.pg_settings s
                  LEFT JOIN (SELECT name, setting, seqno FROM pg_catalog.pg_file_settings WHERE applied) f
                    ON f.name = s.name
                 WHERE s.context <> 'internal'
                   AND lower(CASE WHEN s.source = 'client' THEN f.setting ELSE s.setting END)
                       IS DISTINCT FROM lower(s.boot_val)
                   AND (f.name IS NOT NULL OR s.source IN ('command line', 'environment variable'))
                 ORDER BY s.name, f.seqno""", found);
        // Parameters of extensions that are not loaded have no row of their own.
        rows("""
                SELECT name, setting FROM pg_catalog.pg_file_settings
                 WHERE position('.' IN name) > 0 AND error IS NULL ORDER BY name, seqno""", found);
        found.forEach((name, value) -> {
            Optional<String> objection = ConfigTemplate.objection(name, value);
            if (objection.isPresent()) {
                notes.println("# " + name + " = '" + value + "' is left out: in a cluster it " + objection.get());
            } else if (!NOT_COPIED.contains(name)) {
                template.parameter(name, value);
            }
        });
    }

    /** The lines of a file that lies where the agent would write it. */
    private Optional<List<String>> file(String configDir, String setting, String name) throws SQLException {
        String path = setting(setting);
        if (!path.equals(configDir + "/" + name)) {
            notes.println("# " + setting + " is " + path + ": its lines are not copied, and " + setting
                    + " has to be set in postgresql.parameters if the file is to stay there");
            return Optional.empty();
        }
        return Optional.of(one("SELECT pg_catalog.pg_read_file('" + path.replace("'", "''") + "')")
                .lines()
                .map(String::strip)
                .filter(line -> !line.isEmpty() && !line.startsWith("#"))
                .toList());
    }

    private String setting(String name) throws SQLException {
        return one("SELECT pg_catalog.current_setting('" + name + "')");
    }

    private String one(String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            return rows.next() && rows.getString(1) != null ? rows.getString(1) : "";
        }
    }

    private void rows(String sql, Map<String, String> into) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            while (rows.next()) {
                into.put(rows.getString(1), rows.getString(2));
            }
        }
    }
}
