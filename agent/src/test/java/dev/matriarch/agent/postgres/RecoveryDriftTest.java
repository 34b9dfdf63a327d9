package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Somebody else changes what a standby goes by. */
@Tag("slow")
@ExtendWith(Unprivileged.class)
class RecoveryDriftTest {
    /** Does as it is told. */
    private static final class Server implements RecoveryDrift.Server {
        private String fingerprint = "1";
        private final List<String> files = new ArrayList<>();
        private final List<String> settings = new ArrayList<>();
        private int reloads;
        private int looks;

        @Override
        public String fingerprint() {
            return fingerprint;
        }

        @Override
        public List<String> changedFiles() {
            looks++;
            return files;
        }

        @Override
        public List<String> foreignSettings() {
            return settings;
        }

        @Override
        public void rewrite() {
            files.clear();
            fingerprint += "w";
        }

        @Override
        public void reload() {
            reloads++;
        }
    }

    private long now;

    private RecoveryDrift.Finding lookLater(RecoveryDrift drift) throws Exception {
        now += Duration.ofSeconds(2).toNanos();
        return drift.look();
    }

    @Test
    void whatIsRightIsLookedAtOnce() throws Exception {
        Server server = new Server();
        RecoveryDrift drift = new RecoveryDrift(server, () -> now);
        for (int i = 0; i < 5; i++) {
            assertEquals(RecoveryDrift.Finding.NONE, lookLater(drift));
        }
        assertEquals(1, server.looks);
        server.files.add("primary_conninfo");
        server.fingerprint = "2";
        assertEquals(RecoveryDrift.Finding.SOON, lookLater(drift));
        assertEquals(RecoveryDrift.Finding.NONE, lookLater(drift));
        assertEquals(RecoveryDrift.Finding.NONE, lookLater(drift));
        assertEquals(1, server.reloads);
    }

    @Test
    void aRestartIsAskedForOnceWhereAReloadDoesNotHelp() throws Exception {
        Server server = new Server();
        RecoveryDrift drift = new RecoveryDrift(server, () -> now);
        server.settings.add("recovery_target_time");
        assertEquals(RecoveryDrift.Finding.SOON, drift.look(), "reloaded");
        assertEquals(RecoveryDrift.Finding.SOON, drift.look(), "not taken up yet");
        assertTrue(lookLater(drift).restart().orElseThrow().contains("recovery_target_time"));
        server.fingerprint = "restarted";
        for (int i = 0; i < 10; i++) {
            assertEquals(Optional.empty(), lookLater(drift).restart(), "it did not help");
        }
        assertEquals(2, server.reloads);

        server.settings.clear();
        server.fingerprint = "2";
        assertEquals(RecoveryDrift.Finding.NONE, lookLater(drift));
        server.settings.add("recovery_target_time");
        server.fingerprint = "3";
        lookLater(drift);
        assertTrue(lookLater(drift).restart().isPresent(), "a new reason is a new reason");
    }

    @Test
    void aRunningStandbyIsPutRight() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig configA = servers.config("a");
            PostgresConfig config = servers.config("b");
            PostgresServer a = servers.primary(configA, "a");
            TestServers.slot(a, "b");
            PostgresServer b = servers.server(config, "b");
            b.baseBackup(TestServers.upstream("a", configA), TestServers.LONG);
            write(servers, b, configA);
            start(b);
            awaitStreaming(b);
            Path conf = config.dataDir().resolve("postgresql.conf");
            Path auto = config.dataDir().resolve("postgresql.auto.conf");
            String written = Files.readString(conf);
            assertEquals(Optional.empty(), settle(b));

            assertTrue(b.configuration().followsAsWritten());

            // By SQL, taken up at once.
            TestServers.sql(config, "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'");
            TestServers.sql(config, "ALTER SYSTEM SET work_mem = '6MB'");
            TestServers.sql(config, "SELECT pg_reload_conf()");
            TestServers.await(
                    b, "the wrong primary", s -> !s.status().orElseThrow().streaming());
            assertFalse(b.configuration().followsAsWritten());
            assertEquals(Optional.empty(), settle(b));
            awaitStreaming(b);
            assertTrue(b.configuration().followsAsWritten());
            assertFalse(Files.readString(auto).contains("primary_conninfo"));
            assertTrue(Files.readString(auto).contains("work_mem"), "what is not ours stays");

            // By SQL, not taken up yet.
            TestServers.sql(config, "ALTER SYSTEM SET primary_slot_name = 'other'");
            assertEquals(Optional.empty(), settle(b));
            assertFalse(Files.readString(auto).contains("primary_slot_name"));

            // In an editor.
            Files.writeString(conf, "\nrecovery_min_apply_delay = '1h'\n", StandardOpenOption.APPEND);
            TestServers.sql(config, "SELECT pg_reload_conf()");
            assertEquals(Optional.empty(), settle(b));
            assertEquals(written, Files.readString(conf));
            TestServers.await(
                    b,
                    "the delay to end",
                    s -> sql(config, "SHOW recovery_min_apply_delay").equals("0"));

            // Nothing to do: PostgreSQL is not told to read its files again and again.
            String loaded = TestServers.sql(config, "SELECT pg_conf_load_time()::text");
            for (int i = 0; i < 5; i++) {
                assertEquals(Optional.empty(), settle(b));
            }
            assertEquals(loaded, TestServers.sql(config, "SELECT pg_conf_load_time()::text"));

            // Where no reload helps.
            TestServers.sql(config, "ALTER SYSTEM SET recovery_target_name = 'x'");
            b.stop(StopMode.FAST, TestServers.LONG);
            start(b);
            assertEquals("x", TestServers.sql(config, "SHOW recovery_target_name"));
            Optional<String> because = settle(b);
            assertTrue(because.orElseThrow().contains("recovery_target_name"), because::toString);
            b.stop(StopMode.FAST, TestServers.LONG);
            write(servers, b, configA);
            start(b);
            assertEquals(Optional.empty(), settle(b));
            assertEquals("", TestServers.sql(config, "SHOW recovery_target_name"));
            awaitStreaming(b);

            // Started with a file that says less, as one of an earlier agent: nothing of it calls for a restart.
            b.stop(StopMode.FAST, TestServers.LONG);
            Files.write(
                    conf,
                    Files.readAllLines(conf).stream()
                            .filter(line -> !line.startsWith("recovery_target"))
                            .toList());
            start(b);
            assertEquals(Optional.empty(), settle(b));
            assertEquals(written, Files.readString(conf));
        }
    }

    private static String sql(PostgresConfig config, String sql) {
        try {
            return TestServers.sql(config, sql);
        } catch (java.sql.SQLException e) {
            return e.getMessage();
        }
    }

    private static void write(TestServers servers, PostgresServer server, PostgresConfig of) throws PostgresException {
        server.configuration()
                .write(TestServers.parameters(servers.root()), TestServers.upstream("a", of), Optional.of(""));
    }

    private static void start(PostgresServer server) throws PostgresException {
        server.start(TestServers.LONG);
        server.awaitReady(TestServers.LONG);
    }

    private static void awaitStreaming(PostgresServer server) throws Exception {
        TestServers.await(
                server,
                "streaming",
                s -> s.status().map(LocalPostgres.Status::streaming).orElse(false));
    }

    /** Looks until there is nothing more to look at, or a restart is asked for. */
    private static Optional<String> settle(PostgresServer server) throws Exception {
        String started = server.observe(TestServers.LONG).status().orElseThrow().postmasterStartTime();
        long deadline = System.nanoTime() + TestServers.LONG.toNanos();
        while (System.nanoTime() - deadline < 0) {
            boolean[] again = {false};
            Optional<String> restart = server.configuration().checkRecovery(started, () -> again[0] = true);
            if (restart.isPresent() || !again[0]) {
                return restart;
            }
            Thread.sleep(100);
        }
        throw new AssertionError("never at rest");
    }
}
