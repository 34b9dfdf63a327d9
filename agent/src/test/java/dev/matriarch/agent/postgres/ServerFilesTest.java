package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.config.ServerPlaces;
import dev.matriarch.agent.ha.LocalPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Where a server's files lie, and what of them holds in which role. */
@Tag("slow")
@ExtendWith(Unprivileged.class)
class ServerFilesTest {
    private static void start(PostgresServer server) throws PostgresException {
        server.start(TestServers.LONG);
        server.awaitReady(TestServers.LONG);
    }

    private static PostgresServer replica(TestServers servers, String name, PostgresConfig config, PostgresConfig of)
            throws Exception {
        PostgresServer server = servers.server(config, name);
        server.baseBackup(TestServers.upstream("a", of), TestServers.LONG);
        server.configuration()
                .write(TestServers.parameters(servers.root()), TestServers.upstream("a", of), Optional.of(""));
        start(server);
        TestServers.await(
                server,
                "streaming",
                s -> s.status().map(LocalPostgres.Status::streaming).orElse(false));
        return server;
    }

    private static void awaitSetting(PostgresServer server, PostgresConfig config, String name, String value)
            throws Exception {
        TestServers.await(server, name + " = " + value, seen -> {
            try {
                return TestServers.sql(config, "SHOW " + name).equals(value);
            } catch (SQLException e) {
                return false;
            }
        });
    }

    private static List<String> with(PostgresConfig config, String line) {
        List<String> lines = new ArrayList<>(config.pgHba());
        lines.add(line);
        return lines;
    }

    @Test
    void eachRoleHasItsParametersItsLinesAndSettingsOfRecovery() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig plain = servers.config("a");
            ServerFiles files = new ServerFiles(
                    Map.of(
                            "parameters_primary", Map.of("work_mem", "9MB"),
                            "parameters_replica", Map.of("work_mem", "7MB", "restore_command", "false # parameters"),
                            "recovery_conf",
                                    Map.of(
                                            "restore_command",
                                            "false",
                                            "recovery_min_apply_delay",
                                            "1ms",
                                            "recovery_end_command",
                                            "touch " + servers.root() + "/ended")),
                    Map.of(
                            "pg_hba_primary", with(plain, "# primary"),
                            "pg_hba_replica", with(plain, "# replica"),
                            "pg_ident_primary", List.of("m a b"),
                            "pg_ident_replica", List.of("m c d")),
                    Optional.empty());
            PostgresConfig configA = TestServers.withFiles(plain, files);
            PostgresConfig configB = TestServers.withFiles(servers.config("b"), files);
            PostgresServer a = servers.primary(configA, "a");
            TestServers.slot(a, "b");
            assertEquals("9MB", TestServers.sql(configA, "SHOW work_mem"));
            Path hbaOfB = configB.dataDir().resolve("pg_hba.conf");
            PostgresServer b = replica(servers, "b", configB, configA);
            assertEquals("7MB", TestServers.sql(configB, "SHOW work_mem"));
            assertEquals("false # parameters", TestServers.sql(configB, "SHOW restore_command"));
            assertEquals("1ms", TestServers.sql(configB, "SHOW recovery_min_apply_delay"));
            assertTrue(Files.readString(hbaOfB).endsWith("# replica\n"));
            assertEquals("m c d\n", Files.readString(configB.dataDir().resolve("pg_ident.conf")));
            a.stop(StopMode.FAST, TestServers.LONG);
            b.promote(TestServers.LONG);
            awaitSetting(b, configB, "work_mem", "9MB");
            assertTrue(Files.readString(hbaOfB).endsWith("# primary\n"));
            assertEquals("m a b\n", Files.readString(configB.dataDir().resolve("pg_ident.conf")));
            assertTrue(Files.exists(servers.root().resolve("ended")), "the command of recovery's end was run");
        }
    }

    @Test
    void aFileOfOnesOwnIsIncludedInPlaceOfTheFirst() throws Exception {
        try (TestServers servers = new TestServers()) {
            ServerFiles custom = new ServerFiles(Map.of(), Map.of(), Optional.of("it's mine.conf"));
            PostgresConfig config = TestServers.withFiles(servers.config("a"), custom);
            PostgresServer server = servers.server(config, "a");
            server.initdb(TestServers.bootstrap(), TestServers.LONG);
            Path file = config.dataDir().resolve("it's mine.conf");
            Files.writeString(file, "my.own = 'custom'\nwork_mem = '3MB'\n");
            server.configuration().write(TestServers.parameters(servers.root()), null, Optional.of(""));
            start(server);
            assertEquals("custom", TestServers.sql(config, "SHOW my.own"));
            assertEquals("5MB", TestServers.sql(config, "SHOW work_mem"));
            assertTrue(Files.exists(config.dataDir().resolve("postgresql.base.conf")), "nothing is lost");
            server.stop(StopMode.FAST, TestServers.LONG);
            Files.delete(file);
            server.configuration().write(TestServers.parameters(servers.root()), null, Optional.of(""));
            start(server);
            assertEquals("iso, mdy", TestServers.sql(config, "SHOW datestyle").toLowerCase(java.util.Locale.ROOT));
        }
    }

    @Test
    void theConfigurationMayLieOutsideOfTheDataDirectory() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig configA = elsewhere(servers, "a");
            PostgresConfig configB = elsewhere(servers, "b");
            Path directory = configA.places().configDir().orElseThrow();
            PostgresServer a = servers.primary(configA, "a");
            assertEquals(directory.resolve("server.conf").toString(), TestServers.sql(configA, "SHOW config_file"));
            assertEquals(directory.resolve("pg_hba.conf").toString(), TestServers.sql(configA, "SHOW hba_file"));
            assertTrue(Files.size(directory.resolve("server.base.conf")) > 1000, "that of initdb");
            assertTrue(Files.exists(configA.dataDir().resolve("server.conf.backup")));
            assertFalse(Files.exists(directory.resolve("standby.signal")));
            assertEquals("it's", TestServers.sql(configA, "SELECT datname FROM pg_database WHERE datname LIKE 'it%'"));
            assertEquals(
                    "it's",
                    TestServers.sql(
                            configA,
                            "SELECT datname FROM pg_stat_activity WHERE application_name = 'Matriarch heartbeat'"));

            TestServers.slot(a, "b");
            PostgresServer b = replica(servers, "b", configB, configA);
            assertTrue(TestServers.sql(configB, "SHOW primary_conninfo").contains("it"));
            assertTrue(Files.exists(configB.dataDir().resolve("standby.signal")));
            b.configuration().follow(new dev.matriarch.agent.ha.Upstream.Nobody());
            TestServers.await(
                    b, "end of streaming", s -> !s.status().orElseThrow().streaming());
            TestServers.sql(configA, "CREATE TABLE lost AS SELECT generate_series(1, 1000) AS x");
            a.kill();
            b.promote(TestServers.LONG);
            b.checkpoint(TestServers.LONG);
            a.crashRecovery(TestServers.LONG);
            a.rewind(TestServers.upstream("b", configB), TestServers.LONG);
            a.configuration()
                    .write(TestServers.parameters(servers.root()), TestServers.upstream("b", configB), Optional.of(""));
            start(a);
            assertEquals("0", TestServers.sql(configA, "SELECT count(*) FROM pg_class WHERE relname = 'lost'"));
        }
    }

    private static PostgresConfig elsewhere(TestServers servers, String name) throws Exception {
        ServerPlaces places =
                new ServerPlaces(Optional.of(servers.root().resolve("etc of " + name)), "server", "it's", Map.of());
        return TestServers.withPlaces(servers.config(name), Optional.empty(), places);
    }

    @Test
    void programsMayHaveOtherNames() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig plain = servers.config("a");
            Binaries real = Binaries.find(Optional.empty());
            Path bin = Files.createDirectory(servers.root().resolve("bin"));
            Map<String, String> names = new HashMap<>();
            for (String program :
                    List.of("postgres", "initdb", "pg_controldata", "pg_basebackup", "pg_rewind", "pg_waldump")) {
                String name = program.equals("pg_waldump") ? program : "our-" + program;
                if (!name.equals(program)) {
                    names.put(program, name);
                }
                Path script =
                        Files.writeString(bin.resolve(name), "#!/bin/sh\nexec " + real.path(program) + " \"$@\"\n");
                Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
            }
            ServerPlaces places = new ServerPlaces(Optional.empty(), "postgresql", "postgres", names);
            PostgresConfig config = TestServers.withPlaces(plain, Optional.of(bin), places);
            PostgresServer a = servers.primary(config, "a");
            assertEquals("5MB", TestServers.sql(config, "SHOW work_mem"));
            assertTrue(a.adopt());
            a.stop(StopMode.FAST, TestServers.LONG);
            assertTrue(a.observe(TestServers.LONG).control().isPresent(), "pg_controldata was found");
        }
    }

    @Test
    void aLineThatIsRejectedDoesNotKeepAServerFromStarting() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = servers.primary(config, "a");
            Path hba = config.dataDir().resolve("pg_hba.conf");
            String good = Files.readString(hba);
            server.stop(StopMode.FAST, TestServers.LONG);
            server.reconfigure(TestServers.withAccess(config, with(config, "host all all nonsense"), List.of()));
            server.configuration().write(TestServers.parameters(servers.root()), null, Optional.of(""));
            assertTrue(Files.readString(hba).contains("nonsense"));
            start(server);
            assertEquals(good, Files.readString(hba), "the old file is back");
            server.configuration().write(TestServers.parameters(servers.root()), null, Optional.of(""));
            assertEquals(good, Files.readString(hba), "and stays");
            server.stop(StopMode.FAST, TestServers.LONG);
            server.reconfigure(TestServers.withAccess(config, with(config, "# corrected"), List.of()));
            server.configuration().write(TestServers.parameters(servers.root()), null, Optional.of(""));
            start(server);
            assertEquals(good + "# corrected\n", Files.readString(hba));
        }
    }
}
