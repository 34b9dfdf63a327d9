package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ReplicaMethod;
import dev.matriarch.agent.fencing.Uptime;
import dev.matriarch.agent.ha.Upstream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** pgBackRest itself, as docs/replicas.md describes its use: {@code ./check} installs it. */
@Tag("slow")
@ExtendWith(Unprivileged.class)
class PgBackRestTest {
    private static final Path PROGRAM = Path.of("/usr/bin/pgbackrest");

    private final List<String> common = new ArrayList<>();

    private List<String> pgbackrest(Path data, String... more) {
        List<String> command = new ArrayList<>(common);
        command.add("--pg1-path=" + data);
        command.addAll(List.of(more));
        return command;
    }

    private static void run(List<String> command) throws PostgresException {
        Child.Result result = Child.of(command).run(Deadline.in(java.time.Duration.ofSeconds(80)));
        assertEquals(0, result.exitCode(), command + "\n" + result.output());
    }

    @Test
    void aReplicaAndANewClusterComeOutOfItsBackup() throws Exception {
        assumeTrue(Files.isExecutable(PROGRAM), "pgbackrest is not installed");
        try (TestServers servers = new TestServers()) {
            Path root = servers.root();
            for (String name : List.of("repo", "log", "lock")) {
                Files.createDirectory(root.resolve(name));
            }
            Path config = Files.writeString(root.resolve("pgbackrest.conf"), "");
            common.addAll(List.of(
                    PROGRAM.toString(),
                    "--config=" + config,
                    "--stanza=demo",
                    "--repo1-path=" + root.resolve("repo"),
                    "--log-path=" + root.resolve("log"),
                    "--lock-path=" + root.resolve("lock")));
            PostgresConfig plain = servers.config("a");
            List<String> hba = new ArrayList<>(List.of("local all postgres trust"));
            hba.addAll(plain.pgHba());
            // It connects through the socket, as the superuser.
            PostgresConfig original = TestServers.withAccess(plain, hba, List.of());
            PostgresServer first = servers.primary(original, "a");
            Path data = original.dataDir();
            Map<String, String> parameters = new HashMap<>(TestServers.parameters(root));
            parameters.put("archive_mode", "on");
            parameters.put("archive_command", String.join(" ", pgbackrest(data, "archive-push", "%p")));
            first.configuration().write(parameters, null, Optional.of(""));
            first.stop(StopMode.FAST, TestServers.LONG);
            first.start(TestServers.LONG);
            first.awaitReady(TestServers.LONG);
            String[] online = {"--pg1-socket-path=" + root, "--pg1-port=" + original.port(), "--pg1-user=postgres"};
            TestServers.sql(original, "create table t as select 'before' as x");
            run(pgbackrest(data, online[0], online[1], online[2], "stanza-create"));
            run(pgbackrest(
                    data,
                    online[0],
                    online[1],
                    online[2],
                    "--start-fast",
                    "--type=full",
                    "--repo1-bundle",
                    "--compress-type=none",
                    "backup"));
            TestServers.sql(original, "insert into t values ('after')");
            TestServers.sql(original, "select pg_create_restore_point('here')");
            TestServers.sql(original, "insert into t values ('too late')");
            TestServers.sql(original, "select pg_switch_wal()");
            TestServers.await(first, "everything is archived", s -> !archiving(original));

            // A replica, over what an operator gave up.
            PostgresConfig b = servers.config("b");
            PostgresConfig replicaConfig = servers.withMethods(
                    b,
                    new ReplicaMethod(
                            "pgbackrest",
                            pgbackrest(b.dataDir(), "--delta", "--type=standby", "restore"),
                            true,
                            true,
                            false,
                            List.of()),
                    ReplicaMethod.BASEBACKUP);
            PostgresServer replica = servers.server(replicaConfig, "b");
            Upstream.Of source = TestServers.upstream("a", original);
            replica.replicaCreation().create(Optional.of(source), TestServers.LONG, now -> {});
            assertTrue(Files.exists(b.dataDir().resolve("backup_label")), "made by pgBackRest");
            parameters.put("restore_command", String.join(" ", pgbackrest(b.dataDir(), "archive-get", "%f", "%p")));
            replica.configuration().write(parameters, source, Optional.of(""), false);
            replica.start(TestServers.LONG);
            replica.awaitReady(TestServers.LONG);
            TestServers.await(
                    replica,
                    "streaming",
                    s -> s.status().map(x -> x.streaming()).orElse(false));
            assertEquals("3", TestServers.sql(b, "select count(*) from t"));
            first.stop(StopMode.FAST, TestServers.LONG);

            // A new cluster as of the restore point.
            PostgresConfig c = servers.config("c");
            PostgresServer copy = servers.server(c, "c");
            BootstrapConfig.Method method = new BootstrapConfig.Method(
                    "pgbackrest",
                    pgbackrest(c.dataDir(), "--type=name", "--target=here", "--target-action=promote", "restore"),
                    true,
                    true,
                    Map.of(),
                    List.of());
            BootstrapConfig bootstrap =
                    new BootstrapConfig("{}", Optional.of(method), List.of(), List.of(), Map.of(), List.of());
            Files.createDirectories(c.dataDir());
            parameters.remove("restore_command");
            parameters.put("archive_command", "false");
            copy.firstServer().make(bootstrap, parameters, () -> Uptime.centis() + 100_000, TestServers.LONG);
            copy.configuration().write(parameters, null, Optional.of(""));
            copy.start(TestServers.LONG);
            copy.awaitReady(TestServers.LONG);
            assertEquals("after,before", TestServers.sql(c, "select string_agg(x, ',' order by x) from t"));
            assertEquals("2", TestServers.sql(c, "select timeline_id from pg_control_checkpoint()"));
            assertFalse(Files.exists(c.dataDir().resolve("recovery.signal")));
        }
    }

    private static boolean archiving(PostgresConfig config) {
        try (var files = Files.list(config.dataDir().resolve("pg_wal/archive_status"))) {
            return files.anyMatch(f -> f.toString().endsWith(".ready"));
        } catch (java.io.IOException e) {
            return true;
        }
    }
}
