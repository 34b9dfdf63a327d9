package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.ConnectionSecurity;
import dev.matriarch.agent.config.PostgresConfig;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.Properties;

/** Opens connections that can never hang: every one has time-outs for connecting, reading and running. */
final class Connections {
    private volatile PostgresConfig config;
    private final int major;
    private final org.postgresql.Driver driver = new org.postgresql.Driver();

    /** @param major of the servers of this cluster */
    Connections(PostgresConfig config, int major) {
        this.config = config;
        this.major = major;
    }

    /** From the next use on. */
    void reconfigure(PostgresConfig changed) {
        config = changed;
    }

    /** To the local server as superuser. */
    Connection local(String applicationName, Deadline deadline) throws SQLException {
        return local(applicationName, config.places().database(), deadline);
    }

    /** To a database of the local server as superuser. */
    Connection local(String applicationName, String database, Deadline deadline) throws SQLException {
        PostgresConfig now = config;
        Properties properties = properties(now.superuser(), applicationName, deadline);
        // What the agent asks all the time is not what users want to see in their statistics.
        properties.setProperty("options", properties.getProperty("options") + " -c pg_stat_statements.track=none");
        throughSocket(now, properties);
        return open(now.localHost(), now.port(), database, properties);
    }

    /**
     * To the local server as superuser, in the replication protocol. It is let in by the lines of pg_hba.conf that let
     * {@link #local} in, which need not be so of the keyword {@code replication}, and takes one of max_wal_senders.
     */
    Connection localReplication(Deadline deadline) throws SQLException {
        PostgresConfig now = config;
        Properties properties = properties(now.superuser(), "Matriarch", deadline);
        throughSocket(now, properties);
        properties.setProperty("replication", "database");
        simply(properties);
        return open(now.localHost(), now.port(), now.places().database(), properties);
    }

    /** To another server as superuser; for questions in SQL. */
    Connection remote(String host, int port, Deadline deadline) throws SQLException {
        return open(host, port, properties(config.superuser(), "Matriarch", deadline));
    }

    /** To another server as pg_rewind would come. */
    Connection rewind(String host, int port, Deadline deadline) throws SQLException {
        return open(host, port, properties(RewindRole.of(config, major), "Matriarch", deadline));
    }

    /** To another server in the replication protocol: IDENTIFY_SYSTEM, TIMELINE_HISTORY. */
    Connection replication(String host, int port, Deadline deadline) throws SQLException {
        Properties properties = properties(config.replication(), "Matriarch", deadline);
        properties.setProperty("replication", "true");
        simply(properties);
        return open(host, port, properties);
    }

    /** A WAL sender knows neither the extended protocol nor the driver's first questions. */
    private static void simply(Properties properties) {
        properties.setProperty("preferQueryMode", "simple");
        properties.setProperty("assumeMinServerVersion", "12");
        properties.remove("options");
    }

    private static void throughSocket(PostgresConfig now, Properties properties) {
        Optional<LocalSocket.Place> socket = LocalSocket.of(now);
        if (socket.isPresent()) {
            properties.setProperty("socketFactory", UnixSocketFactory.class.getName());
            properties.setProperty("socketFactoryArg", socket.get().file().toString());
            // A server speaks neither through a socket file.
            properties.setProperty("sslmode", "disable");
            properties.remove("sslNegotiation");
            properties.remove("channelBinding");
            properties.setProperty("gssEncMode", "disable");
        }
    }

    private Connection open(String host, int port, Properties properties) throws SQLException {
        return open(host, port, config.places().database(), properties);
    }

    private Connection open(String host, int port, String database, Properties properties) throws SQLException {
        String shown = host.indexOf(':') >= 0 && !host.startsWith("[") ? "[" + host + "]" : host;
        Connection connection = driver.connect(
                "jdbc:postgresql://" + shown + ":" + port + "/" + URLEncoder.encode(database, StandardCharsets.UTF_8),
                properties);
        if (connection == null) {
            throw new SQLException("the driver refused the address " + shown + ":" + port);
        }
        return connection;
    }

    private static void secure(Properties properties, ConnectionSecurity security) {
        properties.setProperty("sslmode", security.option("sslmode").orElse("prefer"));
        security.option("sslnegotiation").ifPresent(v -> properties.setProperty("sslNegotiation", v));
        security.option("channel_binding").ifPresent(v -> properties.setProperty("channelBinding", v));
        security.option("krbsrvname").ifPresent(v -> properties.setProperty("kerberosServerName", v));
        // Where libpq only prefers it, that depends on tickets that a JVM does not see.
        properties.setProperty(
                "gssEncMode",
                security.option("gssencmode").filter("require"::equals).orElse("disable"));
        boolean files = false;
        for (String name : List.of("sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir")) {
            Optional<String> file = security.option(name);
            file.ifPresent(f -> properties.setProperty(name, f));
            files |= file.isPresent();
        }
        if (files) {
            security.keyPassword().ifPresent(p -> properties.setProperty("sslpassword", p));
            properties.setProperty("sslfactory", ServerTls.class.getName());
        }
    }

    private static Properties properties(PostgresConfig.Role role, String applicationName, Deadline deadline) {
        int millis = deadline.leftMillis();
        // The driver counts whole seconds; the caller's own deadline is exact and aborts the connection.
        int seconds = Math.max(1, (millis + 999) / 1000);
        Properties properties = new Properties();
        properties.setProperty("user", role.username());
        role.password().ifPresent(password -> properties.setProperty("password", password));
        properties.setProperty("ApplicationName", applicationName);
        properties.setProperty("connectTimeout", Integer.toString(seconds));
        properties.setProperty("socketTimeout", Integer.toString(seconds + 1));
        properties.setProperty("cancelSignalTimeout", "2");
        properties.setProperty("tcpKeepAlive", "true");
        secure(properties, role.security());
        properties.setProperty("options", "-c statement_timeout=" + millis + " -c lock_timeout=" + millis);
        return properties;
    }
}
