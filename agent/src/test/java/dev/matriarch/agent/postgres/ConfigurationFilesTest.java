package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What PostgreSQL makes of the files that are written for it. */
@Tag("slow")
@ExtendWith(Unprivileged.class)
class ConfigurationFilesTest {
    private static void write(TestServers servers, PostgresServer server, Map<String, String> more)
            throws PostgresException {
        Map<String, String> parameters = new HashMap<>(TestServers.parameters(servers.root()));
        parameters.putAll(more);
        server.configuration().write(parameters, null, Optional.of(""));
    }

    private static void start(PostgresServer server) throws PostgresException {
        server.start(TestServers.LONG);
        server.awaitReady(TestServers.LONG);
    }

    @Test
    void theFileThatWasThereFirstIsKeptAndIncluded() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = servers.server(config, "a");
            server.initdb(TestServers.bootstrap(), TestServers.LONG);
            Path file = config.dataDir().resolve("postgresql.conf");
            Files.writeString(file, "\nwork_mem = '3MB'\nmy.own = 'base'\nport = 1\n", StandardOpenOption.APPEND);
            String first = Files.readString(file);
            write(servers, server, Map.of("wal_keep_segments", "4", "wal_level", "HOT_STANDBY"));
            start(server);
            assertEquals("base", TestServers.sql(config, "SHOW my.own"));
            assertEquals("5MB", TestServers.sql(config, "SHOW work_mem"), "what is configured wins");
            assertEquals("64MB", TestServers.sql(config, "SHOW wal_keep_size"));
            assertEquals("replica", TestServers.sql(config, "SHOW wal_level"));
            write(servers, server, Map.of("my.own", "ours"));
            assertEquals(first, Files.readString(config.dataDir().resolve("postgresql.base.conf")));
            assertTrue(Files.readString(file).contains("include 'postgresql.base.conf'"));
        }
    }

    @Test
    void aPendingRestartIsNamedWithBothValuesUntilItIsNoLongerNeeded() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = servers.primary(config, "a");
            Map<String, String> changed = Map.of("max_connections", "30", "shared_buffers", "20MB");
            Map<String, String> pending = Map.of("max_connections", "20->30", "shared_buffers", "16MB->20MB");
            write(servers, server, changed);
            server.configuration().reload();
            awaitPending(server, pending);
            write(servers, server, Map.of());
            server.configuration().reload();
            awaitPending(server, Map.of());
            write(servers, server, changed);
            server.configuration().reload();
            awaitPending(server, pending);
            server.stop(StopMode.FAST, TestServers.LONG);
            start(server);
            awaitPending(server, Map.of());
            assertEquals("20MB", TestServers.sql(config, "SHOW shared_buffers"));
        }
    }

    private static void awaitPending(PostgresServer server, Map<String, String> wanted) throws Exception {
        TestServers.await(
                server,
                "pending restart " + wanted,
                s -> s.status().map(LocalPostgres.Status::pendingRestart).equals(Optional.of(wanted)));
    }

    @Test
    void filesAreForTheGroupWhereTheDataDirectoryIs() throws Exception {
        try (TestServers servers = new TestServers()) {
            assertEquals("rw-------", modes(servers, "closed", List.of("--no-sync")));
            assertEquals("rw-r-----", modes(servers, "open", List.of("--no-sync", "--allow-group-access")));
        }
    }

    /** The one mode of all files. */
    private static String modes(TestServers servers, String name, List<String> initdb) throws Exception {
        PostgresConfig config = servers.config(name);
        PostgresServer server = servers.server(config, name);
        server.initdb(
                new BootstrapConfig("{}", Optional.empty(), initdb, List.of(), Map.of(), List.of()), TestServers.LONG);
        write(servers, server, Map.of());
        start(server);
        assertEquals("rw-------", mode(config.pgpass()));
        server.stop(StopMode.FAST, TestServers.LONG);
        server.configuration()
                .write(
                        TestServers.parameters(servers.root()),
                        new dev.matriarch.agent.ha.Upstream.Nobody(),
                        Optional.of(""));
        String mode = mode(config.dataDir().resolve("postgresql.conf"));
        for (String file : List.of("pg_hba.conf", "postgresql.conf.backup", "pg_hba.conf.backup", "standby.signal")) {
            assertEquals(mode, mode(config.dataDir().resolve(file)), file);
        }
        return mode;
    }

    private static String mode(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    @Test
    void linesForTheAccessFileAreAppendedToThoseOfInitdb() throws Exception {
        try (TestServers servers = new TestServers()) {
            List<String> lines = List.of("host all all 10.1.2.3/32 scram-sha-256", "# the last one");
            BootstrapConfig bootstrap =
                    new BootstrapConfig("{}", Optional.empty(), List.of("--no-sync"), lines, Map.of(), List.of());
            PostgresConfig given = servers.config("a");
            PostgresServer a = servers.server(given, "a");
            a.initdb(bootstrap, TestServers.LONG);
            assertFalse(
                    Files.readString(given.dataDir().resolve("pg_hba.conf")).contains("10.1.2.3"), "others are given");

            PostgresConfig none = TestServers.withAccess(servers.config("b"), List.of(), List.of());
            PostgresServer b = servers.server(none, "b");
            b.initdb(bootstrap, TestServers.LONG);
            String made = Files.readString(none.dataDir().resolve("pg_hba.conf"));
            assertTrue(made.endsWith(String.join("\n", lines) + "\n"), made);
            write(servers, b, Map.of());
            start(b);
            assertEquals(made, Files.readString(none.dataDir().resolve("pg_hba.conf")));
            assertEquals(
                    "1",
                    TestServers.sql(
                            none,
                            "SELECT count(*) FROM pg_hba_file_rules WHERE address = '10.1.2.3' AND error IS NULL"));
            assertTrue(
                    Integer.parseInt(TestServers.sql(none, "SELECT count(*) FROM pg_hba_file_rules")) > 1,
                    "the lines of initdb are there too");
        }
    }
}
