package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.ha.Upstream;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What a standby leader's PostgreSQL is told of the remote cluster. */
class StandbyFilesTest {
    private static ConfigurationFiles files(PostgresConfig config) throws Exception {
        Binaries binaries = Binaries.find(config.binDir());
        return new ConfigurationFiles(config, binaries, new LibpqAccess(config, binaries.major(), "x"), "test", "x");
    }

    private static String written(Upstream.Remote remote) throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("x");
            Files.createDirectories(config.dataDir());
            files(config)
                    .write(new ConfigurationFiles.Wanted(
                            Map.of("restore_command", "cp /a/%f %p", "archive_cleanup_command", "clean %r"),
                            Optional.of(remote),
                            Optional.of(""),
                            true,
                            ServerFiles.NONE));
            assertTrue(Files.exists(config.dataDir().resolve("standby.signal")));
            return Files.readString(config.dataDir().resolve("postgresql.conf"));
        }
    }

    @Test
    void theStandbyLeadersFilesNameTheRemoteCluster() throws Exception {
        String file = written(new Upstream.Remote("10.9.0.1", "5433", "site_b", "5min"));
        assertTrue(file.contains("primary_slot_name = 'site_b'"), file);
        assertTrue(file.contains("recovery_min_apply_delay = '5min'"), file);
        assertTrue(file.contains("archive_cleanup_command = 'clean %r'"), file);
        assertTrue(file.contains("restore_command = 'cp /a/%f %p'"), file);
        assertTrue(file.contains("10.9.0.1"), file);
        assertFalse(file.contains("target_session_attrs"), file);
    }

    @Test
    void ofSeveralHostsTheOneThatTakesWritesIsFollowed() throws Exception {
        String file = written(new Upstream.Remote("10.9.0.1,10.9.0.2", "5432", "", ""));
        assertTrue(file.contains("10.9.0.1,10.9.0.2"), file);
        assertTrue(file.contains("target_session_attrs"), file);
        assertTrue(file.contains("read-write"), file);
        assertFalse(file.contains("recovery_min_apply_delay"), file);
    }

    @Test
    void anArchiveAloneIsNoServerToConnectTo() throws Exception {
        assertTrue(written(new Upstream.Remote("", "5432", "site_b", "")).contains("primary_conninfo = ''"));
    }

    @Test
    void aStandbyLeaderHasItsOwnParametersAndLines() throws Exception {
        ServerFiles files = new ServerFiles(
                Map.of(
                        "parameters_standby_leader", Map.of("work_mem", "6MB"),
                        "parameters_replica", Map.of("work_mem", "7MB"),
                        "recovery_conf", Map.of("recovery_min_apply_delay", "1h", "recovery_end_command", "end")),
                Map.of("pg_hba_standby_leader", List.of("# leads")),
                Optional.empty());
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("x");
            Files.createDirectories(config.dataDir());
            ConfigurationFiles written = files(config);
            Upstream.Remote remote = new Upstream.Remote("10.9.0.1", "5433", "site_b", "5min");
            written.write(new ConfigurationFiles.Wanted(Map.of(), Optional.of(remote), Optional.of(""), true, files));
            String file = Files.readString(config.dataDir().resolve("postgresql.conf"));
            assertTrue(file.contains("work_mem = '6MB'"), file);
            assertTrue(file.contains("recovery_min_apply_delay = '5min'"), "that of the standby cluster wins: " + file);
            assertTrue(file.contains("recovery_end_command = 'end'"), file);
            assertEquals("# leads\n", Files.readString(config.dataDir().resolve("pg_hba.conf")));
        }
    }
}
