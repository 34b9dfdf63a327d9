package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.fencing.Uptime;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.agent.postgres.linux.Signal;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SlotName;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Unprivileged.class)
@Tag("slow")
class PostgresServerTest {
    private static final Duration LONG = TestServers.LONG;

    @Test
    void twoServersChangeRoles() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig configA = servers.config("a");
            PostgresConfig configB = servers.config("b-1");
            PostgresServer a = servers.server(configA, "a");
            assertEquals(
                    LocalPostgres.DataDirectory.EMPTY,
                    a.observe(Duration.ofSeconds(1)).dataDirectory());
            a = servers.primary(configA, "a");
            LocalPostgres seen = a.observe(Duration.ofSeconds(2));
            assertTrue(seen.isPrimary(), seen.toString());
            assertEquals(1, seen.status().orElseThrow().timeline());
            assertEquals("", seen.problem());
            assertEquals("20", TestServers.sql(configA, "SHOW max_connections"));
            assertEquals("test", TestServers.sql(configA, "SHOW cluster_name"));
            assertEquals("on", TestServers.sql(configA, "SHOW data_checksums"));
            assertEquals("5MB", TestServers.sql(configA, "SHOW work_mem"));
            assertEquals(PosixFilePermissions.fromString("rw-------"), Files.getPosixFilePermissions(configA.pgpass()));

            // A replica with fewer connections than its primary had still starts.
            TestServers.slot(a, SlotName.of("b-1"));
            PostgresServer b = servers.server(configB, "b-1");
            b.baseBackup(TestServers.upstream("a", configA), LONG);
            Map<String, String> fewer = new HashMap<>(TestServers.parameters(servers.root()));
            fewer.put("max_connections", "15");
            b.configuration().write(fewer, TestServers.upstream("a", configA), Optional.of(""));
            b.start(LONG);
            b.awaitReady(LONG);
            seen = TestServers.await(
                    b,
                    "streaming",
                    s -> s.status().map(LocalPostgres.Status::streaming).orElse(false));
            assertTrue(seen.isReplica());
            assertEquals("20", TestServers.sql(configB, "SHOW max_connections"));
            assertEquals(1, seen.status().orElseThrow().timeline());
            seen = TestServers.await(
                    a,
                    "slot in use",
                    s -> s.status().orElseThrow().slots().stream()
                            .anyMatch(l -> l.name().equals("b_1") && l.active()));
            assertEquals("b-1", seen.status().orElseThrow().senders().getFirst().applicationName());

            a.configuration().setSynchronousStandbyNames("ANY 1 (\"b-1\")", LONG);
            TestServers.sql(configA, "CREATE TABLE t AS SELECT 1 AS x");
            assertEquals(
                    "ANY 1 (\"b-1\")", a.observe(LONG).status().orElseThrow().synchronousStandbyNames());
            assertEquals("1", TestServers.sql(configB, "SELECT x FROM t"));
            a.configuration().setSynchronousStandbyNames("", LONG);

            TestServers.slot(a, "c");
            TestServers.sql(configA, "SELECT pg_create_physical_replication_slot('of_a_user')");
            assertEquals(
                    Set.of("b_1", "of_a_user", "gone"),
                    a.changeSlots(
                            List.of(
                                    new SlotChange.Drop("b_1", "it is in use"),
                                    new SlotChange.Drop("c", "nobody needs it"),
                                    new SlotChange.Advance("of_a_user", "", new Lsn(1L << 40)),
                                    new SlotChange.Advance("gone", "", new Lsn(1))),
                            LONG),
                    "what one cannot do does not keep the others from theirs");
            assertEquals(
                    "b_1,of_a_user",
                    TestServers.sql(configA, "SELECT string_agg(slot_name, ',' ORDER BY 1) FROM pg_replication_slots"));

            Map<String, String> more = new HashMap<>(TestServers.parameters(servers.root()));
            more.put("max_connections", "30");
            more.put("work_mem", "7MB");
            more.put("search_path", "it's \"odd\" \\ here");
            a.configuration().write(more, null, Optional.of(""));
            a.configuration().reload();
            TestServers.await(
                    a,
                    "pending restart",
                    s -> "20->30"
                            .equals(s.status().orElseThrow().pendingRestart().get("max_connections")));
            assertEquals("7MB", TestServers.sql(configA, "SHOW work_mem"));
        }
    }

    @Test
    void aCrashedPrimaryIsRewound() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig configA = servers.config("a");
            PostgresConfig configB = servers.config("b");
            PostgresServer a = servers.primary(configA, "a");
            PostgresServer b = servers.server(configB, "b");
            b.baseBackup(TestServers.upstream("a", configA), LONG);
            b.configuration()
                    .write(TestServers.parameters(servers.root()), TestServers.upstream("a", configA), Optional.of(""));
            b.start(LONG);
            b.awaitReady(LONG);
            TestServers.slot(a, "b");
            TestServers.await(
                    b,
                    "streaming",
                    s -> s.status().map(LocalPostgres.Status::streaming).orElse(false));
            assertInstanceOf(Divergence.NotDiverged.class, b.checkDivergence(TestServers.upstream("a", configA), LONG));

            assertInstanceOf(
                    Divergence.Unknown.class,
                    a.checkDivergence(TestServers.upstream("b", configB), LONG),
                    "a standby has no history to compare with");

            // The primary writes what the replica never gets, and crashes.
            b.configuration().follow(new Upstream.Nobody());
            TestServers.await(
                    b, "end of streaming", s -> !s.status().orElseThrow().streaming());
            TestServers.sql(configA, "CREATE TABLE lost AS SELECT generate_series(1, 1000) AS x");
            CountDownLatch ended = new CountDownLatch(1);
            assertTrue(a.onExit(ended::countDown));
            a.kill();
            assertTrue(ended.await(1, TimeUnit.SECONDS));

            b.promote(LONG);
            LocalPostgres promoted = b.observe(LONG);
            assertTrue(promoted.isPrimary());
            assertEquals(2, promoted.status().orElseThrow().timeline());
            assertFalse(Files.exists(configB.dataDir().resolve("standby.signal")));
            // Without it the rewind below finds nothing to do.
            b.checkpointOfNewTimeline(LONG);
            TestServers.slot(b, "a");

            Upstream.Of leader = TestServers.upstream("b", configB);
            LocalPostgres crashed = a.observe(LONG);
            assertEquals(LocalPostgres.Process.STOPPED, crashed.process());
            assertTrue(crashed.control().orElseThrow().crashedAsPrimary());
            assertTrue(crashed.control().orElseThrow().rewindable());
            assertInstanceOf(Divergence.Diverged.class, a.checkDivergence(leader, LONG));
            a.crashRecovery(LONG);
            assertEquals("shut down", a.observe(LONG).control().orElseThrow().state());
            assertInstanceOf(Divergence.Diverged.class, a.checkDivergence(leader, LONG));
            a.rewind(leader, LONG);
            a.configuration().write(TestServers.parameters(servers.root()), leader, Optional.of(""));
            a.start(LONG);
            a.awaitReady(LONG);
            LocalPostgres back = TestServers.await(
                    a,
                    "streaming",
                    s -> s.status().map(LocalPostgres.Status::streaming).orElse(false));
            assertEquals(2, back.status().orElseThrow().timeline());
            assertEquals("", TestServers.sql(configA, "SELECT 1 FROM pg_class WHERE relname = 'lost'"));
            assertInstanceOf(Divergence.NotDiverged.class, a.checkDivergence(leader, LONG));

            // A clean switchover needs no rewind: the shutdown checkpoint ends where the new timeline begins.
            b.stop(StopMode.FAST, LONG);
            a.promote(LONG);
            Upstream.Of next = TestServers.upstream("a", configA);
            Divergence clean = b.checkDivergence(next, LONG);
            assertInstanceOf(Divergence.NotDiverged.class, clean, clean.toString());
            b.configuration().write(TestServers.parameters(servers.root()), next, Optional.of(""));
            b.start(LONG);
            b.awaitReady(LONG);
            TestServers.slot(a, "b");
            TestServers.await(
                    b,
                    "streaming on timeline 3",
                    s -> s.status().map(t -> t.streaming() && t.timeline() == 3).orElse(false));
        }
    }

    @Test
    void oneServerInTrouble() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig config = servers.config("a");
            PostgresServer server = servers.server(config, "a");
            server.initdb(TestServers.bootstrap(), LONG);
            server.configuration().write(TestServers.parameters(servers.root()), null, Optional.empty());

            PostgresException late = assertThrows(
                    PostgresException.class, () -> server.startAsPrimaryNotAfter(Uptime.centis() - 1, LONG));
            assertTrue(late.getMessage().contains("had passed"), late.getMessage());
            assertEquals(LocalPostgres.Process.STOPPED, server.observe(LONG).process());

            try (ServerSocket other = new ServerSocket(config.port(), 1, InetAddress.getByName("127.0.0.1"))) {
                assertTrue(other.isBound());
                PostgresException taken = assertThrows(PostgresException.class, () -> server.start(LONG));
                assertTrue(taken.getMessage().contains("another program listens"), taken.getMessage());
            }

            server.startAsPrimaryNotAfter(Uptime.centisIn(LONG), LONG);
            server.awaitReady(LONG);
            assertTrue(server.observe(LONG).isPrimary());
            assertFalse(Files.readString(config.dataDir().resolve("postmaster.opts"))
                    .contains("secret"));
            long pid = server.postmasterPid().orElseThrow();
            String environment = Files.readString(Path.of("/proc/" + pid + "/environ"));
            assertFalse(environment.contains("PGPASS"), "environment holds secrets");

            // Another agent's object adopts it and hears of its death at once, although it is not its parent.
            PostgresServer adopted = servers.server(config, "a");
            assertTrue(adopted.adopt());
            CountDownLatch ended = new CountDownLatch(1);
            assertTrue(adopted.onExit(ended::countDown));

            // A stopped server holds nobody for longer than asked.
            server.observe(LONG);
            Set<Long> backends = new java.util.HashSet<>();
            ProcessHandle.of(pid).orElseThrow().descendants().forEach(p -> backends.add(p.pid()));
            backends.add(pid);
            Signal.STOP.send(java.util.List.copyOf(backends));
            long before = System.nanoTime();
            LocalPostgres stuck = server.observe(Duration.ofMillis(300));
            long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - before);
            assertTrue(took < 1000, "took " + took + " ms");
            assertEquals(LocalPostgres.Process.RUNNING, stuck.process());
            assertTrue(stuck.status().isEmpty());
            assertFalse(stuck.problem().isEmpty());
            Signal.CONT.send(java.util.List.copyOf(backends));
            TestServers.await(server, "answer", LocalPostgres::isPrimary);

            server.kill();
            assertTrue(ended.await(2, TimeUnit.SECONDS));
            LocalPostgres dead = server.observe(LONG);
            assertEquals(LocalPostgres.Process.STOPPED, dead.process());
            assertEquals("in production", dead.control().orElseThrow().state());
            server.start(LONG);
            server.awaitReady(LONG);
            server.stop(StopMode.FAST, LONG);
            assertEquals(
                    "shut down", server.observe(LONG).control().orElseThrow().state());

            // A rewind that cannot begin does no harm; one that did not end is remembered.
            Upstream.Of nobody = new Upstream.Of("x", "127.0.0.1", config.port());
            assertThrows(PostgresException.class, () -> server.rewind(nobody, LONG));
            assertEquals(LocalPostgres.DataDirectory.VALID, server.observe(LONG).dataDirectory());
            assertInstanceOf(Divergence.Unknown.class, server.checkDivergence(nobody, Duration.ofSeconds(2)));
            Path marker = servers.root().resolve("a.unfinished");
            Files.writeString(marker, "rewinding\n");
            assertEquals(
                    LocalPostgres.DataDirectory.HALF_WRITTEN,
                    server.observe(LONG).dataDirectory());
            assertThrows(PostgresException.class, () -> server.start(LONG));
            Files.delete(marker);

            Path aside = server.setAside("diverged");
            assertTrue(Files.exists(aside.resolve("PG_VERSION")));
            assertEquals(LocalPostgres.DataDirectory.EMPTY, server.observe(LONG).dataDirectory());
            Files.createDirectory(config.dataDir());
            Files.writeString(config.dataDir().resolve("thesis.txt"), "mine");
            LocalPostgres foreign = server.observe(LONG);
            assertEquals(LocalPostgres.DataDirectory.UNUSABLE, foreign.dataDirectory());
            assertTrue(foreign.problem().contains("PG_VERSION"), foreign.problem());
            assertThrows(PostgresException.class, () -> server.initdb(TestServers.bootstrap(), LONG));
            assertThrows(
                    PostgresException.class,
                    () -> server.baseBackup(new Upstream.Of("x", "127.0.0.1", config.port()), LONG));
            assertTrue(Files.exists(config.dataDir().resolve("thesis.txt")));
            server.remove("test");
            assertEquals(LocalPostgres.DataDirectory.EMPTY, server.observe(LONG).dataDirectory());
            assertThrows(PostgresException.class, () -> server.baseBackup(nobody, LONG));
            assertFalse(Files.exists(servers.root().resolve("a.new")), "half a clone was left");
        }
    }

    /** As with a mount point: nothing can be made beside it. */
    @Test
    void aDataDirectoryWhoseParentCannotBeWritten() throws Exception {
        try (TestServers servers = new TestServers()) {
            Path parent = Files.createDirectories(servers.root().resolve("volume"));
            Path data = Files.createDirectory(
                    parent.resolve("data"),
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            PostgresConfig config = servers.config("volume/data");
            Files.setPosixFilePermissions(parent, PosixFilePermissions.fromString("r-xr-xr-x"));
            try {
                PostgresConfig elsewhere = new PostgresConfig(
                        config.listenHosts(),
                        config.port(),
                        config.connectAddress(),
                        data,
                        config.binDir(),
                        servers.root().resolve("pgpass"),
                        config.superuser(),
                        config.replication(),
                        config.rewind(),
                        config.parameters(),
                        config.pgHba(),
                        config.pgIdent(),
                        config.handling(),
                        config.basebackupOptions(),
                        List.of(dev.matriarch.agent.config.ReplicaMethod.BASEBACKUP));
                PostgresServer server = servers.server(elsewhere, "v");
                assertThrows(PostgresException.class, () -> server.baseBackup(TestServers.upstream("x", config), LONG));
                assertEquals(
                        LocalPostgres.DataDirectory.EMPTY, server.observe(LONG).dataDirectory());
                server.initdb(TestServers.bootstrap(), LONG);
                assertEquals(
                        LocalPostgres.DataDirectory.VALID, server.observe(LONG).dataDirectory());
                server.remove("test");
                assertEquals(
                        LocalPostgres.DataDirectory.EMPTY, server.observe(LONG).dataDirectory());
                assertTrue(Files.isDirectory(data));
            } finally {
                Files.setPosixFilePermissions(parent, PosixFilePermissions.fromString("rwxr-xr-x"));
            }
        }
    }
}
