package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Unprivileged.class)
class RewindTest {
    @Test
    void walThatIsMissingComesFromTheArchiveAndWalThatWaitsGoesThere() throws Exception {
        try (TestServers servers = new TestServers()) {
            Path archive = Files.createDirectory(servers.root().resolve("archive"));
            Files.setPosixFilePermissions(archive, PosixFilePermissions.fromString("rwxrwxrwx"));
            PostgresConfig configA = servers.config("a");
            PostgresConfig configB = servers.config("b");
            PostgresServer a = servers.primary(configA, "a");
            PostgresServer b = servers.server(configB, "b");
            b.baseBackup(TestServers.upstream("a", configA), TestServers.LONG);
            b.configuration()
                    .write(TestServers.parameters(servers.root()), TestServers.upstream("a", configA), Optional.of(""));
            b.start(TestServers.LONG);
            b.awaitReady(TestServers.LONG);
            b.promote(TestServers.LONG);
            b.checkpointOfNewTimeline(TestServers.LONG);
            TestServers.sql(configA, "CREATE TABLE lost AS SELECT generate_series(1, 1000) AS x");
            TestServers.sql(configA, "SELECT pg_switch_wal()");
            TestServers.sql(configA, "CREATE TABLE lost_too (x int)");
            a.stop(StopMode.FAST, TestServers.LONG);

            Map<String, String> archived = new HashMap<>(TestServers.parameters(servers.root()));
            archived.put("archive_mode", "on");
            archived.put("archive_command", "cp %p " + archive + "/%f");
            archived.put("restore_command", "cp " + archive + "/%f %p");
            Path wal = configA.dataDir().resolve("pg_wal");
            String last;
            try (Stream<Path> files = Files.list(wal)) {
                List<Path> segments = files.filter(
                                f -> f.getFileName().toString().matches("[0-9A-F]{24}"))
                        .sorted()
                        .toList();
                for (Path segment : segments) {
                    Files.move(segment, archive.resolve(segment.getFileName()));
                }
                last = segments.getLast().getFileName().toString();
            }
            Files.move(archive.resolve(last), wal.resolve(last));
            Files.createFile(wal.resolve("archive_status").resolve(last + ".ready"));
            a.configuration().write(archived, TestServers.upstream("b", configB), Optional.of(""));
            a.rewind(TestServers.upstream("b", configB), TestServers.LONG);
            assertTrue(Files.exists(archive.resolve(last)), "what waited was archived");

            TestServers.slot(b, "a");
            a.configuration().write(archived, TestServers.upstream("b", configB), Optional.of(""));
            a.start(TestServers.LONG);
            a.awaitReady(TestServers.LONG);
            TestServers.await(
                    a,
                    "streaming",
                    seen -> seen.status().map(LocalPostgres.Status::streaming).orElse(false));
            assertEquals("", TestServers.sql(configA, "SELECT 1 FROM pg_class WHERE relname like 'lost%'"));
        }
    }

    /**
     * The leader was cloned after the timelines parted, or has removed what it had: pg_rewind is content, and the server it leaves
     * would replay what was to be undone, and wait for ever.
     */
    @Test
    void aLeaderWithoutTheWalFromTheCommonCheckpointOnIsNoneToRewindTo() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresConfig configA = servers.config("a");
            PostgresConfig configB = servers.config("b");
            PostgresServer a = servers.primary(configA, "a");
            TestServers.sql(configA, "ALTER SYSTEM SET wal_keep_size = '64MB'");
            TestServers.sql(configA, "SELECT pg_reload_conf()");
            PostgresServer b = servers.server(configB, "b");
            b.baseBackup(TestServers.upstream("a", configA), TestServers.LONG);
            Map<String, String> forgetful = new HashMap<>(TestServers.parameters(servers.root()));
            forgetful.put("wal_keep_size", "0");
            b.configuration().write(forgetful, TestServers.upstream("a", configA), Optional.of(""));
            b.start(TestServers.LONG);
            b.awaitReady(TestServers.LONG);
            b.promote(TestServers.LONG);
            b.checkpointOfNewTimeline(TestServers.LONG);
            TestServers.sql(configA, "CREATE TABLE lost AS SELECT generate_series(1, 1000) AS x");
            a.stop(StopMode.FAST, TestServers.LONG);

            // Of the old timeline as well: up to 13 the new one begins in the next file.
            Path wal = configB.dataDir().resolve("pg_wal");
            Path archive = Files.createDirectory(servers.root().resolve("archive"));
            Set<String> early = segments(wal);
            for (int i = 0; segments(wal).stream().anyMatch(early::contains); i++) {
                assertTrue(i < 10, early + " stay");
                TestServers.sql(configB, "CREATE TABLE later" + i + " (x int)");
                TestServers.sql(configB, "SELECT pg_switch_wal()");
                for (String segment : segments(wal)) {
                    if (i == 0 && early.contains(segment)) {
                        Files.copy(wal.resolve(segment), archive.resolve(segment));
                    }
                }
                TestServers.sql(configB, "CHECKPOINT");
            }
            Path kept = servers.root().resolve("kept");
            copy(configA.dataDir(), kept);

            a.configuration()
                    .write(TestServers.parameters(servers.root()), TestServers.upstream("b", configB), Optional.of(""));
            PostgresException refused = assertThrows(
                    PostgresException.class, () -> a.rewind(TestServers.upstream("b", configB), TestServers.LONG));
            String message = refused.getMessage();
            String missing =
                    early.stream().filter(message::contains).findFirst().orElseThrow(() -> new AssertionError(message));
            assertTrue(refused.getMessage().contains("has to be cloned"), refused.getMessage());
            // The same of a copy that would be started under a leader other than the one that it was made from.
            Path unfinished = servers.root().resolve("a.unfinished");
            Files.delete(unfinished);
            Divergence found = a.checkDivergence(TestServers.upstream("b", configB), TestServers.LONG);
            assertTrue(found.reason().contains("no longer has the WAL file " + missing), found.reason());
            assertEquals(new Divergence.Diverged(found.reason(), false), found);
            // pg_rewind would recover it first, and not as far as it must be.
            refused = assertThrows(
                    PostgresException.class, () -> a.rewind(TestServers.upstream("b", configB), TestServers.LONG));
            assertTrue(refused.getMessage().contains("has not been recovered since"), refused.getMessage());
            assertEquals(
                    LocalPostgres.DataDirectory.HALF_WRITTEN,
                    a.observe(TestServers.LONG).dataDirectory());

            // The archive still has it.
            DataDirectory.deleteTree(configA.dataDir(), false);
            copy(kept, configA.dataDir());
            Map<String, String> archived = new HashMap<>(TestServers.parameters(servers.root()));
            archived.put("restore_command", "cp " + archive + "/%f %p");
            a.configuration().write(archived, TestServers.upstream("b", configB), Optional.of(""));
            a.rewind(TestServers.upstream("b", configB), TestServers.LONG);
            TestServers.slot(b, "a");
            a.configuration().write(archived, TestServers.upstream("b", configB), Optional.of(""));
            a.start(TestServers.LONG);
            a.awaitReady(TestServers.LONG);
            TestServers.await(
                    a,
                    "streaming",
                    seen -> seen.status().map(LocalPostgres.Status::streaming).orElse(false));
            assertEquals("", TestServers.sql(configA, "SELECT 1 FROM pg_class WHERE relname = 'lost'"));
        }
    }

    private static Set<String> segments(Path wal) throws Exception {
        try (Stream<Path> files = Files.list(wal)) {
            return files.map(f -> f.getFileName().toString())
                    .filter(name -> name.matches("[0-9A-F]{24}"))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    private static void copy(Path from, Path to) throws Exception {
        Process copying = new ProcessBuilder("cp", "-a", from.toString(), to.toString()).start();
        assertTrue(copying.waitFor(60, TimeUnit.SECONDS));
        assertEquals(0, copying.exitValue());
    }
}
