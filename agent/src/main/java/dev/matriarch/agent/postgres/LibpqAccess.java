package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.Conninfo;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.Upstream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How what is built on libpq reaches other servers, PostgreSQL's programs and its WAL receiver: connection strings without
 * passwords, and the file in which these stand. Any thread.
 */
final class LibpqAccess {
    private volatile PostgresConfig config;
    private final int major;
    private final String memberName;

    /** @param major version of the programs that are given these strings */
    LibpqAccess(PostgresConfig config, int major, String memberName) {
        this.config = config;
        this.major = major;
        this.memberName = memberName;
    }

    /** From the next use on. */
    void reconfigure(PostgresConfig changed) {
        config = changed;
    }

    /** The agent's passwords in libpq's form, mode 0600. Any host: they are offered only where the agent connects. */
    void writePassfile() throws IOException {
        StringBuilder text = new StringBuilder();
        Map<String, String> byUser = new LinkedHashMap<>();
        for (PostgresConfig.Role role : List.of(config.replication(), config.rewind(), config.superuser())) {
            role.password().ifPresent(password -> byUser.putIfAbsent(role.username(), password));
        }
        byUser.forEach((user, password) -> text.append("*:*:*:")
                .append(passfileField(user))
                .append(':')
                .append(passfileField(password))
                .append('\n'));
        Path parent = config.pgpass().toAbsolutePath().getParent();
        Files.createDirectories(parent);
        DurableFile.write(config.pgpass(), text.toString());
        ServiceFile.write(config, major);
    }

    static String passfileField(String text) {
        return text.replace("\\", "\\\\").replace(":", "\\:");
    }

    /** How to reach a server, in libpq's form, without the password. */
    String connectionString(Upstream.Of server, PostgresConfig.Role role, String database) {
        return Conninfo.write(connection(server.host(), Integer.toString(server.port()), role, database));
    }

    /**
     * For pg_basebackup and pg_rewind, which mostly read: where the other host was cut off meanwhile, TCP would not tell them for two
     * hours. What they are told after half a minute, the kernel on the other side answers, however busy the server is.
     */
    String toolConnectionString(Upstream.Of server, PostgresConfig.Role role, String database) {
        Map<String, String> parts = connection(server.host(), Integer.toString(server.port()), role, database);
        parts.putIfAbsent("keepalives_idle", "10");
        parts.putIfAbsent("keepalives_interval", "5");
        parts.putIfAbsent("keepalives_count", "4");
        return Conninfo.write(parts);
    }

    /** Of several remote servers it is the one that takes writes. */
    String connectionString(Upstream.Remote remote, String database) {
        Map<String, String> parts = connection(remote.host(), remote.port(), config.replication(), database);
        if (remote.servers().size() > 1) {
            parts.put("target_session_attrs", "read-write");
        }
        return Conninfo.write(parts);
    }

    private Map<String, String> connection(String host, String port, PostgresConfig.Role role, String database) {
        Map<String, String> parts = new LinkedHashMap<>();
        parts.put("host", host);
        parts.put("port", port);
        parts.put("user", role.username());
        if (!database.isEmpty()) {
            parts.put("dbname", database);
        }
        parts.put("passfile", config.pgpass().toAbsolutePath().toString());
        parts.put("application_name", memberName);
        parts.putAll(role.security().forLibpq(major));
        ServiceFile.nameOf(config, role, major).ifPresent(name -> parts.put("service", name));
        return parts;
    }
}
