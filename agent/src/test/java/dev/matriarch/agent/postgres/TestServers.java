package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.config.HostPort;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ReplicaMaking;
import dev.matriarch.agent.config.ScriptsConfig;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.config.ServerHandling;
import dev.matriarch.agent.config.ServerPlaces;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.agent.ha.Upstream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/** Real servers on 127.0.0.1 below one directory; all are killed and removed at the end. */
public final class TestServers implements AutoCloseable {
    public static final Duration LONG = Duration.ofSeconds(30);
    static final String PASSWORD = "it's \\ a:secret";
    private static final List<String> HBA = List.of(
            "local all all scram-sha-256",
            "host all all 127.0.0.1/32 scram-sha-256",
            "host replication all 127.0.0.1/32 scram-sha-256");

    private final Path root;
    private final List<PostgresServer> servers = new ArrayList<>();

    public TestServers() throws IOException {
        root = Unprivileged.directory();
    }

    public Path root() {
        return root;
    }

    static BootstrapConfig bootstrap() {
        return new BootstrapConfig(
                "{}",
                Optional.empty(),
                List.of("--no-sync", "--locale=C"),
                List.of(),
                Map.of("app", new BootstrapConfig.User(Optional.of("app"), List.of("createdb"))),
                List.of());
    }

    Path dataDir(String name) {
        return root.resolve(name);
    }

    private static final ServerHandling HANDLING = new ServerHandling(
            Optional.empty(),
            Optional.of(true),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.of(List.of("--no-sync", "--progress")),
            Optional.of(LONG),
            ScriptsConfig.Given.NOTHING);

    PostgresConfig config(String name) throws IOException {
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            port = socket.getLocalPort();
        }
        return new PostgresConfig(
                List.of("127.0.0.1"),
                port,
                new HostPort("127.0.0.1", port),
                dataDir(name),
                Optional.empty(),
                root.resolve(name + ".pgpass"),
                new PostgresConfig.Role("postgres", Optional.of(PASSWORD)),
                new PostgresConfig.Role("replicator", Optional.of(PASSWORD + "r")),
                new PostgresConfig.Role("rewinder", Optional.of(PASSWORD + "w")),
                Map.of(),
                HBA,
                List.of(),
                HANDLING,
                List.of("--no-sync"),
                List.of(dev.matriarch.agent.config.ReplicaMethod.BASEBACKUP));
    }

    PostgresConfig withMethods(PostgresConfig c, dev.matriarch.agent.config.ReplicaMethod... methods) {
        return changed(c, c.superuser(), c.replication(), c.pgHba(), c.pgIdent(), List.of(methods));
    }

    static PostgresConfig withPlaces(PostgresConfig c, Optional<Path> binDir, ServerPlaces places) {
        return changed(
                c,
                c.superuser(),
                c.replication(),
                c.pgHba(),
                c.pgIdent(),
                c.replicaMethods(),
                binDir,
                places,
                c.files());
    }

    static PostgresConfig withFiles(PostgresConfig c, ServerFiles files) {
        return changed(
                c,
                c.superuser(),
                c.replication(),
                c.pgHba(),
                c.pgIdent(),
                c.replicaMethods(),
                c.binDir(),
                c.places(),
                files);
    }

    static PostgresConfig withAccess(PostgresConfig c, List<String> hba, List<String> ident) {
        return changed(c, c.superuser(), c.replication(), hba, ident);
    }

    static PostgresConfig withReplication(PostgresConfig c, PostgresConfig.Role replication) {
        return changed(c, c.superuser(), replication, c.pgHba(), c.pgIdent());
    }

    static PostgresConfig withSuperuserPassword(PostgresConfig c, String password) {
        return changed(
                c,
                new PostgresConfig.Role(c.superuser().username(), Optional.of(password)),
                c.replication(),
                c.pgHba(),
                c.pgIdent());
    }

    private static PostgresConfig changed(
            PostgresConfig c,
            PostgresConfig.Role superuser,
            PostgresConfig.Role replication,
            List<String> hba,
            List<String> ident) {
        return changed(c, superuser, replication, hba, ident, c.replicaMethods());
    }

    private static PostgresConfig changed(
            PostgresConfig c,
            PostgresConfig.Role superuser,
            PostgresConfig.Role replication,
            List<String> hba,
            List<String> ident,
            List<dev.matriarch.agent.config.ReplicaMethod> methods) {
        return changed(c, superuser, replication, hba, ident, methods, c.binDir(), c.places(), c.files());
    }

    private static PostgresConfig changed(
            PostgresConfig c,
            PostgresConfig.Role superuser,
            PostgresConfig.Role replication,
            List<String> hba,
            List<String> ident,
            List<dev.matriarch.agent.config.ReplicaMethod> methods,
            Optional<Path> binDir,
            ServerPlaces places,
            ServerFiles files) {
        return new PostgresConfig(
                c.listenHosts(),
                c.port(),
                c.connectAddress(),
                c.dataDir(),
                binDir,
                c.pgpass(),
                superuser,
                replication,
                c.rewind(),
                c.parameters(),
                hba,
                ident,
                c.handling(),
                c.basebackupOptions(),
                methods,
                c.proxyAddress(),
                places,
                files,
                ReplicaMaking.of(methods, c.basebackupOptions()));
    }

    static Map<String, String> parameters(Path root) {
        return Map.of(
                "unix_socket_directories",
                root.toString(),
                "fsync",
                "off",
                "shared_buffers",
                "16MB",
                "max_connections",
                "20",
                "work_mem",
                "5MB");
    }

    PostgresServer server(PostgresConfig config, String name) throws PostgresException, IOException {
        Path state = root.resolve(name + ".state");
        java.nio.file.Files.createDirectories(state);
        PostgresServer server = new PostgresServer(config, "test", name, state);
        servers.add(server);
        return server;
    }

    /** Made by initdb, with all roles, running as primary. */
    PostgresServer primary(PostgresConfig config, String name) throws PostgresException, IOException {
        PostgresServer server = server(config, name);
        server.initdb(bootstrap(), LONG);
        server.configuration().write(parameters(root), null, Optional.of(""));
        server.start(LONG);
        server.awaitReady(LONG);
        server.createRoles(bootstrap(), LONG);
        return server;
    }

    /** For tests of other packages. */
    public PostgresServer primary(String name) throws PostgresException, IOException {
        return primary(config(name), name);
    }

    static void slot(PostgresServer server, String name) throws PostgresException {
        server.changeSlots(List.of(new SlotChange.CreatePhysical(name)), LONG);
    }

    static Upstream.Of upstream(String name, PostgresConfig config) {
        return new Upstream.Of(name, "127.0.0.1", config.port());
    }

    static LocalPostgres await(PostgresServer server, String what, Predicate<LocalPostgres> condition)
            throws InterruptedException {
        long deadline = System.nanoTime() + LONG.toNanos();
        LocalPostgres seen = server.observe(Duration.ofSeconds(2));
        while (!condition.test(seen)) {
            if (System.nanoTime() - deadline > 0) {
                throw new AssertionError("no " + what + " within " + LONG + ": " + seen);
            }
            Thread.sleep(20);
            seen = server.observe(Duration.ofSeconds(2));
        }
        return seen;
    }

    static String sql(PostgresConfig config, String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(
                        "jdbc:postgresql://127.0.0.1:" + config.port() + "/postgres", "postgres", PASSWORD);
                Statement statement = connection.createStatement()) {
            if (!statement.execute(sql)) {
                return "";
            }
            try (ResultSet rows = statement.getResultSet()) {
                return rows.next() ? rows.getString(1) : "";
            }
        }
    }

    @Override
    public void close() throws IOException {
        for (PostgresServer server : servers) {
            try {
                server.kill();
            } catch (PostgresException e) {
                System.err.println(e.getMessage());
            }
            server.close();
        }
        DataDirectory.deleteTree(root, false);
    }
}
