package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.agent.ha.WalGap;
import dev.matriarch.dcs.Lsn;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A standby that does not stream: because it is not to, or because it cannot. */
@ExtendWith(Unprivileged.class)
class ArchiveReaderTest {
    @Test
    void itIsComparedAlthoughItNeverWaitsAndToldWhenTheLeaderLacksItsWal() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig configA = servers.config("a");
            PostgresConfig configB = servers.config("b");
            PostgresServer a = servers.primary(configA, "a");
            PostgresServer b = servers.server(configB, "b");
            Upstream.Of upstream = TestServers.upstream("a", configA);
            b.baseBackup(upstream, TestServers.LONG);

            // Longer than wal_retrieve_retry_interval: PostgreSQL asks the archive again without a pause.
            Map<String, String> slow = new HashMap<>(TestServers.parameters(servers.root()));
            slow.put("restore_command", "sleep 1; false");
            b.configuration().write(slow, new Upstream.Nobody(), Optional.of(""));
            b.start(TestServers.LONG);
            b.awaitReady(TestServers.LONG);
            assertEquals(
                    Lsn.INVALID,
                    b.observe(TestServers.LONG).status().orElseThrow().position(),
                    "it does not show the end of its WAL");
            Divergence found = b.checkDivergence(upstream, TestServers.LONG);
            assertInstanceOf(Divergence.NotDiverged.class, found, found.toString());

            // What it has is a part of a later timeline's history, too; what it may have is not known.
            a.stop(StopMode.FAST, TestServers.LONG);
            Map<String, String> forgetful = new HashMap<>(TestServers.parameters(servers.root()));
            forgetful.put("wal_keep_size", "0");
            a.configuration().write(forgetful, new Upstream.Nobody(), Optional.of(""));
            a.start(TestServers.LONG);
            a.awaitReady(TestServers.LONG);
            a.promote(TestServers.LONG);
            a.checkpointOfNewTimeline(TestServers.LONG);
            found = b.checkDivergence(upstream, TestServers.LONG);
            assertInstanceOf(Divergence.Unknown.class, found, found.toString());
            assertTrue(found.reason().contains("so far all of it is part of the leader's history"), found.reason());

            // The leader loses what it needs, and it is told to stream.
            Path wal = configA.dataDir().resolve("pg_wal");
            Lsn has = Lsn.parse(TestServers.sql(configB, "SELECT pg_last_wal_replay_lsn()"));
            String needed = String.format("%08X", has.value() >> 24);
            b.stop(StopMode.FAST, TestServers.LONG);
            for (int i = 0; has(wal, needed); i++) {
                assertTrue(i < 10, needed + " stays");
                TestServers.sql(configA, "CREATE TABLE later" + i + " (x int)");
                TestServers.sql(configA, "SELECT pg_switch_wal()");
                TestServers.sql(configA, "CHECKPOINT");
            }
            TestServers.slot(a, "b");
            b.configuration().write(TestServers.parameters(servers.root()), upstream, Optional.of(""));
            b.start(TestServers.LONG);
            b.awaitReady(TestServers.LONG);
            LocalPostgres stuck = awaitPosition(b);
            found = b.checkDivergence(upstream, TestServers.LONG);
            assertInstanceOf(Divergence.NotDiverged.class, found, found.toString());
            Optional<WalGap> gap = ((Divergence.NotDiverged) found).gap();
            assertTrue(gap.orElseThrow().file().endsWith(needed), gap::toString);
            assertEquals(stuck.status().orElseThrow().position(), gap.get().position());

            // Only PostgreSQL finds out what an archive has.
            b.stop(StopMode.FAST, TestServers.LONG);
            Map<String, String> archived = new HashMap<>(TestServers.parameters(servers.root()));
            archived.put("restore_command", "false");
            b.configuration().write(archived, upstream, Optional.of(""));
            b.start(TestServers.LONG);
            b.awaitReady(TestServers.LONG);
            awaitPosition(b);
            found = b.checkDivergence(upstream, TestServers.LONG);
            assertEquals(new Divergence.NotDiverged(found.reason(), Optional.empty()), found);
        }
    }

    private static LocalPostgres awaitPosition(PostgresServer server) throws Exception {
        return TestServers.await(
                server,
                "position",
                s -> s.status().filter(t -> !t.position().equals(Lsn.INVALID)).isPresent());
    }

    /** Of any timeline. */
    private static boolean has(Path wal, String segment) throws Exception {
        try (var files = Files.list(wal)) {
            return files.anyMatch(f -> f.getFileName().toString().matches("[0-9A-F]{8}.*" + segment));
        }
    }
}
