package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.fencing.Uptime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Real servers made in every way that {@code bootstrap} offers. */
@Tag("slow")
@ExtendWith(Unprivileged.class)
class FirstServerTest {
    private static Path script(TestServers servers, String name, String text) throws IOException {
        Path file = servers.root().resolve(name);
        Files.writeString(file, "#!/bin/bash\n" + text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
        return file;
    }

    private static BootstrapConfig bootstrap(
            Optional<BootstrapConfig.Method> method, Map<String, BootstrapConfig.User> users, String... postBootstrap) {
        return new BootstrapConfig(
                "{}", method, List.of("--no-sync", "--locale=C"), List.of(), users, List.of(postBootstrap));
    }

    private static void start(TestServers servers, PostgresServer server, BootstrapConfig bootstrap)
            throws PostgresException {
        start(server, bootstrap, TestServers.parameters(servers.root()));
    }

    private static void start(PostgresServer server, BootstrapConfig bootstrap, Map<String, String> parameters)
            throws PostgresException {
        server.firstServer().make(bootstrap, parameters, FirstServerTest::soon, TestServers.LONG);
        run(server, bootstrap, parameters);
    }

    private static void run(PostgresServer server, BootstrapConfig bootstrap, Map<String, String> parameters)
            throws PostgresException {
        server.configuration().write(parameters, null, Optional.of(""));
        server.start(TestServers.LONG);
        server.awaitReady(TestServers.LONG);
        server.firstServer().fill(bootstrap, TestServers.LONG);
    }

    private static long soon() {
        return Uptime.centis() + 100_000;
    }

    @Test
    void postBootstrapGetsAUrlAndThePasswordFileAndUsersCanLogIn() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = servers.server(config, "a");
            Path seen = servers.root().resolve("seen");
            Path script = script(
                    servers,
                    "post",
                    "echo \"$# $*\" >" + seen + "\necho \"$PGPASSFILE\" >>" + seen + "\necho \"$PGOPTIONS\" >>" + seen
                            + "\n" + server.binaries().directory()
                            + "/psql -v ON_ERROR_STOP=1 -c 'create table made_by_script()' \"${@: -1}\"\n");
            start(
                    servers,
                    server,
                    bootstrap(
                            Optional.empty(),
                            Map.of(
                                    "App User",
                                    new BootstrapConfig.User(Optional.of("it's \\ own"), List.of("createdb")),
                                    "group",
                                    new BootstrapConfig.User(Optional.empty(), List.of("nologin"))),
                            script.toString(),
                            "one"));
            assertEquals(
                    List.of(
                            "2 one postgres://postgres@127.0.0.1:" + config.port() + "/postgres",
                            config.pgpass().toString(),
                            "-c synchronous_commit=local -c statement_timeout=0"),
                    Files.readAllLines(seen));
            assertEquals(
                    "made_by_script", TestServers.sql(config, "select relname from pg_class where relname ~ '^made'"));
            assertEquals(
                    "App User,group",
                    TestServers.sql(
                            config,
                            "select string_agg(rolname, ',' order by rolname::text collate \"C\") from pg_roles where rolcreatedb and not rolsuper"
                                    + " or rolname = 'group' and not rolcanlogin"));
            DriverManager.getConnection(
                            "jdbc:postgresql://127.0.0.1:" + config.port() + "/postgres", "App User", "it's \\ own")
                    .close();
            assertTrue(Files.exists(config.dataDir().resolve("pg_hba.conf.backup")));
        }
    }

    @Test
    void aScriptThatFailsIsTheReasonAndTheDataIsMovedAside() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = servers.server(config, "a");
            Path script = script(servers, "post", "echo the reason >&2\nexit 7\n");
            PostgresException e = assertThrows(
                    PostgresException.class,
                    () -> start(servers, server, bootstrap(Optional.empty(), Map.of(), script.toString())));
            assertTrue(e.getMessage().contains("returned non-zero code 7: the reason"), e.getMessage());
            String where = server.firstServer().giveUp("the bootstrap failed");
            assertEquals("The data directory was moved to " + config.dataDir() + ".failed.", where);
            assertFalse(Files.exists(config.dataDir()));
            assertTrue(Files.exists(Path.of(config.dataDir() + ".failed/PG_VERSION")));
            assertFalse(server.postmasterPid().isPresent());

            // The next failure does not write over the first one.
            Files.createDirectories(config.dataDir());
            Files.writeString(config.dataDir().resolve("x"), "x");
            assertTrue(server.firstServer().giveUp("again").contains(".failed-"));
        }
    }

    @Test
    void aBackupIsRecoveredToItsTargetAndOnlyThenArchivedFrom() throws Exception {
        try (TestServers servers = new TestServers()) {
            Path archive = Files.createDirectory(servers.root().resolve("archive"));
            Path own = Files.createDirectory(servers.root().resolve("own-archive"));
            Path backup = servers.root().resolve("backup");
            PostgresConfig original = servers.config("original");
            PostgresServer first = servers.server(original, "original");
            first.initdb(bootstrap(Optional.empty(), Map.of()), TestServers.LONG);
            Map<String, String> parameters = new java.util.HashMap<>(TestServers.parameters(servers.root()));
            parameters.put("archive_mode", "on");
            parameters.put("archive_command", "cp %p " + archive + "/%f");
            first.configuration().write(parameters, null, Optional.of(""));
            first.start(TestServers.LONG);
            first.awaitReady(TestServers.LONG);
            first.createRoles(bootstrap(Optional.empty(), Map.of()), TestServers.LONG);
            TestServers.sql(original, "create table t as select 'before' as x");
            Child.Result taken = Child.of(List.of(
                            first.binaries().path("pg_basebackup"),
                            "-D",
                            backup.toString(),
                            "--no-sync",
                            "--checkpoint=fast",
                            "--no-password",
                            "--wal-method=none",
                            "--dbname=host=127.0.0.1 user=replicator port=" + original.port()))
                    .passfile(original.pgpass())
                    .run(Deadline.in(TestServers.LONG));
            assertEquals(0, taken.exitCode(), taken.output());
            TestServers.sql(original, "insert into t values ('after the backup')");
            TestServers.sql(original, "select pg_create_restore_point('here')");
            TestServers.sql(original, "insert into t values ('too late')");
            TestServers.sql(original, "select pg_switch_wal()");
            // As of a user who changed the configuration with ALTER SYSTEM, and who has another password now.
            Files.writeString(
                    backup.resolve("postgresql.auto.conf"),
                    "archive_command = 'cp %p " + own + "/%f'\nrecovery_target_name = 'nowhere'\n");
            Files.delete(backup.resolve("pg_hba.conf"));
            Files.writeString(backup.resolve("pg_hba.conf.backup"), "local all all trust\n");
            first.stop(StopMode.FAST, TestServers.LONG);

            PostgresConfig config = servers.config("copy");
            PostgresServer copy = servers.server(config, "copy");
            Path seen = servers.root().resolve("seen");
            Path restore = script(
                    servers, "restore", "echo \"$*\" >" + seen + "\ncp -a " + backup + "/. " + config.dataDir() + "\n");
            Files.createDirectories(config.dataDir());
            Files.setPosixFilePermissions(config.dataDir(), PosixFilePermissions.fromString("rwx------"));
            BootstrapConfig.Method method = new BootstrapConfig.Method(
                    "pitr",
                    List.of(restore.toString()),
                    false,
                    false,
                    Map.of(
                            "restore_command",
                            "cp " + archive + "/%f %p",
                            "recovery_target_name",
                            "here",
                            "recovery_target_action",
                            "promote"),
                    List.of("--extra=1"));
            long archived = count(archive);
            BootstrapConfig bootstrap = bootstrap(Optional.of(method), Map.of());
            copy.firstServer().make(bootstrap, parameters, FirstServerTest::soon, TestServers.LONG);
            assertEquals(0, count(own), "nothing is archived during the recovery");
            run(copy, bootstrap, parameters);
            assertEquals(
                    List.of("--scope=test --datadir=" + config.dataDir() + " --extra=1"), Files.readAllLines(seen));
            assertEquals(
                    "after the backup,before", TestServers.sql(config, "select string_agg(x, ',' order by x) from t"));
            assertEquals("2", TestServers.sql(config, "select timeline_id from pg_control_checkpoint()"));
            assertEquals("on", TestServers.sql(config, "show hot_standby"));
            assertEquals(archived, count(archive), "the archive it came from was not written to");
            assertFalse(Files.exists(config.dataDir().resolve("recovery.signal")));
            assertFalse(Files.exists(copy.stateDir().resolve("running-command")));
            // What waited goes to the new cluster's own archive, its history file included.
            TestServers.await(copy, "history in the archive", s -> Files.exists(own.resolve("00000002.history")));
        }
    }

    private static long count(Path directory) throws IOException {
        try (var files = Files.list(directory)) {
            return files.count();
        }
    }

    @Test
    void aMethodThatWritesItsOwnRecoverySettingsKeepsThem() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig original = servers.config("original");
            PostgresServer first = servers.primary(original, "original");
            TestServers.sql(original, "create table t as select 1 as x");
            first.stop(StopMode.FAST, TestServers.LONG);
            PostgresConfig config = servers.config("copy");
            PostgresServer copy = servers.server(config, "copy");
            Path seen = servers.root().resolve("seen");
            Path restore = script(
                    servers,
                    "restore",
                    "echo \"$#\" >" + seen + "\ncp -a " + original.dataDir() + " " + config.dataDir() + "\ntouch "
                            + config.dataDir() + "/recovery.signal\necho \"restore_command = 'echo asked >>" + seen
                            + "; false'\" >>" + config.dataDir() + "/postgresql.auto.conf\n");
            BootstrapConfig.Method method = new BootstrapConfig.Method(
                    "own", List.of(restore.toString()), true, true, Map.of(), List.of("--not=given"));
            start(servers, copy, bootstrap(Optional.of(method), Map.of()));
            List<String> lines = Files.readAllLines(seen);
            assertEquals("0", lines.getFirst(), "no arguments with no_params");
            assertTrue(lines.contains("asked"), "its restore_command was used");
            assertEquals("2", TestServers.sql(config, "select timeline_id from pg_control_checkpoint()"));
            assertEquals("", TestServers.sql(config, "show restore_command"));
        }
    }

    @Test
    void aMethodThatFailsOrMakesNothingSaysSo() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = servers.server(config, "a");
            Path fails = script(servers, "fails", "mkdir -p " + config.dataDir() + "; echo no backup; exit 3\n");
            Path nothing = script(servers, "nothing", "exit 0\n");
            for (var expected : Map.of(fails, "exit code 3: no backup", nothing, "holds no PostgreSQL data directory")
                    .entrySet()) {
                BootstrapConfig.Method method = new BootstrapConfig.Method(
                        "m", List.of(expected.getKey().toString()), false, false, Map.of(), List.of());
                PostgresException e = assertThrows(
                        PostgresException.class,
                        () -> start(servers, server, bootstrap(Optional.of(method), Map.of())));
                assertTrue(e.getMessage().contains(expected.getValue()), e.getMessage());
                server.firstServer().giveUp("the bootstrap failed");
            }
        }
    }
}
