package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.fencing.Uptime;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.dcs.Lsn;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Real servers of PostgreSQL 10 and 11, whose settings of recovery stand in recovery.conf. {@code ./check} fetches them and
 * says where their programs lie; {@code src/test/older-postgres} says which of these are not the real ones.
 */
@Tag("slow")
@ExtendWith(Unprivileged.class)
class OlderServerTest {
    private static final String TEN = "MATRIARCH_POSTGRES_10";
    private static final String ELEVEN = "MATRIARCH_POSTGRES_11";

    @Test
    @EnabledIfEnvironmentVariable(named = TEN, matches = "/.*", disabledReason = "run by ./check")
    void replicasOfPostgres10FollowByRecoveryConfAndArePromoted() throws Exception {
        replicate(TEN, 10);
    }

    @Test
    @EnabledIfEnvironmentVariable(named = ELEVEN, matches = "/.*", disabledReason = "run by ./check")
    void replicasOfPostgres11FollowByRecoveryConfAndArePromoted() throws Exception {
        replicate(ELEVEN, 11);
    }

    @Test
    @EnabledIfEnvironmentVariable(named = ELEVEN, matches = "/.*", disabledReason = "run by ./check")
    void aBackupOfPostgres11IsRecoveredToItsTarget() throws Exception {
        recover(ELEVEN);
    }

    private static PostgresConfig config(TestServers servers, String name, String version) throws Exception {
        PostgresConfig plain = servers.config(name);
        return TestServers.withPlaces(plain, Optional.of(Path.of(System.getenv(version))), plain.places());
    }

    private static void replicate(String version, int major) throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig configA = config(servers, "a", version);
            PostgresConfig configB = config(servers, "b", version);
            PostgresConfig configC = config(servers, "c", version);
            PostgresServer a = servers.primary(configA, "a");
            LocalPostgres seen = a.observe(TestServers.LONG);
            assertTrue(seen.isPrimary(), seen.toString());
            assertEquals(major, seen.status().orElseThrow().serverVersion() / 10_000);
            assertEquals(1, seen.status().orElseThrow().timeline());
            assertEquals("8", TestServers.sql(configA, "SHOW wal_keep_segments"));
            assertEquals("on", TestServers.sql(configA, "SHOW data_checksums"));
            assertTrue(a.report(TestServers.LONG).rewindable());
            assertEquals(WriteCheck.Finding.WRITES, a.writeCheck().run(TestServers.LONG));
            moves(a, configA, major);

            PostgresServer b = replica(servers, "b", configB, a, configA);
            PostgresServer c = replica(servers, "c", configC, a, configA);
            Path recovery = configB.dataDir().resolve("recovery.conf");
            String written = Files.readString(recovery);
            assertTrue(written.contains("standby_mode = 'on'\n"), written);
            assertTrue(written.contains("primary_slot_name = 'b'\n"), written);
            assertFalse(written.contains("secret"), written);
            assertEquals(PosixFilePermissions.fromString("rw-------"), Files.getPosixFilePermissions(recovery));
            assertFalse(Files.readString(configB.dataDir().resolve("postgresql.conf"))
                    .contains("primary_conninfo"));
            assertFalse(Files.exists(configB.dataDir().resolve("standby.signal")));

            a.configuration().setSynchronousStandbyNames("ANY 1 (\"b\")", TestServers.LONG);
            TestServers.sql(configA, "CREATE TABLE t AS SELECT 1 AS x");
            assertEquals("1", TestServers.sql(configB, "SELECT x FROM t"));
            a.configuration().setSynchronousStandbyNames("", TestServers.LONG);

            putRight(servers, b, configB, configA);
            promoted(servers, a, configA, b, configB, c, configC);
        }
    }

    /** Slots can be moved from PostgreSQL 11 on. */
    private static void moves(PostgresServer server, PostgresConfig config, int major) throws Exception {
        TestServers.slot(server, "moved");
        String before = TestServers.sql(config, "SELECT restart_lsn FROM pg_replication_slots");
        TestServers.sql(config, "SELECT pg_switch_wal()");
        Lsn to = server.observe(TestServers.LONG).status().orElseThrow().position();
        boolean can = server.observe(TestServers.LONG).status().orElseThrow().canMoveSlots();
        assertEquals(major > 10, can);
        assertEquals(
                can ? Set.of() : Set.of("moved"),
                server.changeSlots(List.of(new SlotChange.Advance("moved", "", to)), TestServers.LONG));
        assertEquals(
                can ? to.toString() : before, TestServers.sql(config, "SELECT restart_lsn FROM pg_replication_slots"));
        server.changeSlots(List.of(new SlotChange.Drop("moved", "the test is over")), TestServers.LONG);
    }

    private static PostgresServer replica(
            TestServers servers, String name, PostgresConfig config, PostgresServer primary, PostgresConfig of)
            throws Exception {
        TestServers.slot(primary, name);
        PostgresServer server = servers.server(config, name);
        server.baseBackup(TestServers.upstream("a", of), TestServers.LONG);
        follow(servers, server, TestServers.upstream("a", of), ServerFiles.NONE);
        start(server);
        awaitStreaming(server, 1);
        return server;
    }

    private static void follow(TestServers servers, PostgresServer server, Upstream upstream, ServerFiles files)
            throws Exception {
        server.configuration().write(TestServers.parameters(servers.root()), upstream, Optional.of(""), true, files);
    }

    private static void start(PostgresServer server) throws PostgresException {
        server.start(TestServers.LONG);
        server.awaitReady(TestServers.LONG);
    }

    private static void awaitStreaming(PostgresServer server, int timeline) throws Exception {
        TestServers.await(
                server,
                "streaming on timeline " + timeline,
                s -> s.status()
                        .map(t -> t.streaming() && t.timeline() == timeline)
                        .orElse(false));
    }

    /** What somebody else changes comes back, and what is not in force calls for a restart. */
    private static void putRight(TestServers servers, PostgresServer b, PostgresConfig config, PostgresConfig of)
            throws Exception {
        Path recovery = config.dataDir().resolve("recovery.conf");
        Upstream upstream = TestServers.upstream("a", of);
        String written = Files.readString(recovery);
        assertEquals(Optional.empty(), settle(b));
        assertFalse(b.configuration().restartsToFollow());

        // An agent that is started anew writes the same again, and nothing has to be restarted for it.
        follow(servers, b, upstream, ServerFiles.NONE);
        assertFalse(b.configuration().restartsToFollow());
        assertEquals(Optional.empty(), settle(b));

        // Started with what somebody else wrote.
        b.stop(StopMode.FAST, TestServers.LONG);
        Files.writeString(recovery, "recovery_min_apply_delay = '1h'\n", StandardOpenOption.APPEND);
        start(b);
        assertEquals(Optional.of(true), settle(b).map(because -> because.contains("recovery.conf")));
        assertEquals(written, Files.readString(recovery));
        b.stop(StopMode.FAST, TestServers.LONG);
        start(b);
        awaitStreaming(b, 1);
        assertEquals(Optional.empty(), settle(b));

        // What the server does not take keeps it from starting: nothing tells before.
        follow(servers, b, upstream, recoveryConf("recovery_min_apply_delay", "soon"));
        b.stop(StopMode.FAST, TestServers.LONG);
        assertThrows(PostgresException.class, () -> start(b));

        // A setting of its own.
        Path ended = servers.root().resolve("ended");
        follow(servers, b, upstream, ServerFiles.NONE);
        start(b);
        follow(servers, b, upstream, recoveryConf("recovery_end_command", "touch " + ended));
        assertTrue(settle(b).isPresent());
        b.stop(StopMode.FAST, TestServers.LONG);
        start(b);
        awaitStreaming(b, 1);
        assertEquals(Optional.empty(), settle(b));
    }

    private static ServerFiles recoveryConf(String name, String value) {
        return new ServerFiles(Map.of("recovery_conf", Map.of(name, value)), Map.of(), Optional.empty());
    }

    private static void promoted(
            TestServers servers,
            PostgresServer a,
            PostgresConfig configA,
            PostgresServer b,
            PostgresConfig configB,
            PostgresServer c,
            PostgresConfig configC)
            throws Exception {
        TestServers.sql(configB, "SELECT pg_wal_replay_pause()");
        TestServers.sql(configA, "INSERT INTO t VALUES (2)");
        Lsn end = a.observe(TestServers.LONG).status().orElseThrow().position();
        TestServers.await(
                b,
                "what was written",
                s -> !end.isAfter(s.status().orElseThrow().received()));
        assertTrue(b.observe(TestServers.LONG).status().orElseThrow().replayPaused());
        Map<String, String> control = controlFile(configA);
        a.stop(StopMode.FAST, TestServers.LONG);
        LocalPostgres stopped = a.observe(TestServers.LONG);
        assertEquals("shut down", stopped.control().orElseThrow().state());
        assertTrue(stopped.control().orElseThrow().rewindable());
        assertEquals(control.get("identifier"), stopped.systemIdentifier().orElseThrow());

        // Paused by somebody who is not there now; and timeline 2 may be another member's.
        b.promote(3, TestServers.LONG);
        LocalPostgres promoted = b.observe(TestServers.LONG);
        assertTrue(promoted.isPrimary());
        assertEquals(3, promoted.status().orElseThrow().timeline());
        assertEquals("3", TestServers.sql(configB, "SELECT sum(x) FROM t"), "nothing that was received is lost");
        assertFalse(Files.exists(configB.dataDir().resolve("recovery.conf")));
        assertTrue(Files.exists(servers.root().resolve("ended")), "the command of recovery's end was run");
        b.checkpointOfNewTimeline(TestServers.LONG);
        assertEquals("3", TestServers.sql(configB, "SELECT timeline_id FROM pg_control_checkpoint()"));

        // Another replica goes over to it, with a restart.
        Upstream.Of leader = TestServers.upstream("b", configB);
        TestServers.slot(b, "a");
        TestServers.slot(b, "c");
        assertInstanceOf(Divergence.NotDiverged.class, c.checkDivergence(leader, TestServers.LONG));
        follow(servers, c, leader, ServerFiles.NONE);
        assertTrue(c.configuration().restartsToFollow());
        c.stop(StopMode.FAST, TestServers.LONG);
        assertEquals(
                "shut down in recovery",
                c.observe(TestServers.LONG).control().orElseThrow().state());
        start(c);
        awaitStreaming(c, 3);
        assertFalse(c.configuration().restartsToFollow());

        // The former primary was shut down in order and had sent everything.
        Divergence clean = a.checkDivergence(leader, TestServers.LONG);
        assertInstanceOf(Divergence.NotDiverged.class, clean, clean.toString());
        follow(servers, a, leader, ServerFiles.NONE);
        start(a);
        awaitStreaming(a, 3);
        TestServers.sql(configB, "INSERT INTO t VALUES (4)");
        for (PostgresConfig config : List.of(configA, configC)) {
            TestServers.await(c, "the new row", s -> sum(config).equals("7"));
        }
        quiet(servers, configA, a);
        PostgresServer again = quiet(servers, configB, b);

        // One that crashed is brought to a shutdown in order.
        again.kill();
        assertTrue(again.observe(TestServers.LONG).control().orElseThrow().crashedAsPrimary());
        again.crashRecovery(TestServers.LONG);
        assertEquals(
                "shut down",
                again.observe(TestServers.LONG).control().orElseThrow().state());
        assertInstanceOf(
                Divergence.Unknown.class,
                again.checkDivergence(TestServers.upstream("a", configA), TestServers.LONG),
                "a standby has no history to compare with");
    }

    private static String sum(PostgresConfig config) {
        try {
            return TestServers.sql(config, "SELECT sum(x) FROM t");
        } catch (SQLException e) {
            return e.getMessage();
        }
    }

    /** What the stand-in of pg_controldata prints is what the server says; then the file is not read by it again. */
    private static Map<String, String> controlFile(PostgresConfig config) throws Exception {
        ControlData.Content content = new ControlData(Binaries.find(config.binDir()), config.dataDir())
                .read(Deadline.in(TestServers.LONG))
                .orElseThrow();
        Map<String, String> said = new HashMap<>();
        said.put("identifier", TestServers.sql(config, "SELECT system_identifier FROM pg_control_system()"));
        assertEquals(said.get("identifier"), content.systemIdentifier());
        assertEquals("in production", content.control().state());
        assertEquals(
                TestServers.sql(config, "SELECT checkpoint_lsn || ' ' || timeline_id FROM pg_control_checkpoint()"),
                content.control().checkpoint() + " " + content.control().timeline());
        assertEquals(
                TestServers.sql(
                        config,
                        "SELECT min_recovery_end_lsn || ' ' || min_recovery_end_timeline FROM pg_control_recovery()"),
                content.control().minRecoveryPoint() + " " + content.control().minRecoveryTimeline());
        assertEquals(
                TestServers.sql(
                        config,
                        "SELECT bytes_per_wal_segment || ' ' || data_page_checksum_version FROM pg_control_init()"),
                content.raw().get("Bytes per WAL segment") + " " + content.raw().get("Data page checksum version"));
        for (Map.Entry<String, String> name : ConfigurationFiles.NOT_BELOW_PRIMARY.entrySet()) {
            if (!name.getKey().equals("max_wal_senders")) {
                assertEquals(
                        TestServers.sql(config, "SHOW " + name.getKey()),
                        content.raw().get(name.getValue() + " setting"),
                        name.getKey());
            }
        }
        return said;
    }

    /** PostgreSQL's own processes are none of users'. The next agent's look at it, which has no connection yet. */
    private static PostgresServer quiet(TestServers servers, PostgresConfig config, PostgresServer server)
            throws Exception {
        assertTrue(server.hasUserBackends(), "the agent's own connection is one");
        server.close();
        PostgresServer other = servers.server(config, "other");
        long deadline = System.nanoTime() + TestServers.LONG.toNanos();
        while (other.hasUserBackends()) {
            assertTrue(System.nanoTime() - deadline < 0, "some process is taken for a user's");
            Thread.sleep(20);
        }
        return other;
    }

    private static void recover(String version) throws Exception {
        try (TestServers servers = new TestServers()) {
            Path archive = Files.createDirectory(servers.root().resolve("archive"));
            PostgresConfig original = config(servers, "original", version);
            PostgresServer first = servers.server(original, "original");
            first.initdb(TestServers.bootstrap(), TestServers.LONG);
            Map<String, String> parameters = new HashMap<>(TestServers.parameters(servers.root()));
            parameters.put("archive_mode", "on");
            parameters.put("archive_command", "cp %p " + archive + "/%f");
            first.configuration().write(parameters, null, Optional.of(""));
            start(first);
            first.createRoles(TestServers.bootstrap(), TestServers.LONG);
            TestServers.sql(original, "CREATE TABLE t AS SELECT 'before' AS x");
            PostgresConfig config = config(servers, "copy", version);
            PostgresServer copy = servers.server(config, "copy");
            // What the method restores.
            Path backup = servers.root().resolve("backup");
            PostgresServer taker = servers.server(config(servers, "backup", version), "backup");
            taker.baseBackup(TestServers.upstream("original", original), TestServers.LONG);
            TestServers.sql(original, "INSERT INTO t VALUES ('after the backup')");
            TestServers.sql(original, "SELECT pg_create_restore_point('here')");
            TestServers.sql(original, "INSERT INTO t VALUES ('too late')");
            TestServers.sql(original, "SELECT pg_switch_wal()");
            first.stop(StopMode.FAST, TestServers.LONG);
            BootstrapConfig.Method method = new BootstrapConfig.Method(
                    "pitr",
                    List.of("cp", "-a", backup.toString(), config.dataDir().toString()),
                    true,
                    false,
                    Map.of(
                            "restore_command",
                            "cp " + archive + "/%f %p",
                            "recovery_target_name",
                            "here",
                            "recovery_target_action",
                            "promote"),
                    List.of());
            BootstrapConfig bootstrap =
                    new BootstrapConfig("{}", Optional.of(method), List.of(), List.of(), Map.of(), List.of());
            copy.firstServer().make(bootstrap, parameters, () -> Uptime.centis() + 100_000, TestServers.LONG);
            assertFalse(Files.exists(config.dataDir().resolve("recovery.conf")));
            copy.configuration().write(parameters, null, Optional.of(""));
            start(copy);
            copy.firstServer().fill(bootstrap, TestServers.LONG);
            assertEquals(
                    "after the backup,before", TestServers.sql(config, "SELECT string_agg(x, ',' ORDER BY x) FROM t"));
            assertEquals("2", TestServers.sql(config, "SELECT timeline_id FROM pg_control_checkpoint()"));
        }
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
