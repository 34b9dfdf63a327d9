package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.postgres.linux.LinuxProcess;
import dev.matriarch.agent.postgres.linux.Pidfd;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SlotName;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SmallPartsTest {
    @Test
    void slotNamesFollowTheMembersName() {
        assertEquals("pg_node_1", SlotName.of("PG-Node.1"));
        assertEquals("au0228u0032b", SlotName.of("a\u00e4 b"));
        assertEquals(63, SlotName.of("x".repeat(100)).length());
    }

    @Test
    void valuesAreQuotedForTheConfigurationFile() throws PostgresException {
        assertEquals("'it''s \\\\ here'", PostgresqlConf.quoted("a", "it's \\ here"));
        assertEquals("'1'", PostgresqlConf.quoted("auto_explain.log_nested", "1"));
        assertThrows(PostgresException.class, () -> PostgresqlConf.quoted("a = 1\nb", "x"));
    }

    @Test
    void theSwitchpointIsReadFromTheHistory() {
        String history = "1\t0/5000148\tno recovery target specified\n\n2\t0/6000000\tno recovery target specified\n";
        assertEquals(Optional.of(Lsn.parse("0/5000148")), WalPlace.switchpoint(history, 1));
        assertEquals(Optional.of(Lsn.parse("0/6000000")), WalPlace.switchpoint(history, 2));
        assertEquals(Optional.empty(), WalPlace.switchpoint(history, 3));
    }

    @Test
    void aDataDirectoryOfAnotherMajorVersionIsNamed(@TempDir Path directory) throws Exception {
        Path data = Files.createDirectories(directory.resolve("data/global")).getParent();
        Files.writeString(data.resolve("global/pg_control"), "");
        Files.writeString(data.resolve("PG_VERSION"), "15\n");
        DataDirectory.Condition seen = new DataDirectory(data, directory.resolve("state"), binaries(17)).condition();
        assertEquals(LocalPostgres.DataDirectory.UNUSABLE, seen.kind());
        assertEquals(
                "The data directory " + data
                        + " was made by PostgreSQL 15, but the programs in /pg/17/bin are of version"
                        + " 17. Set postgresql.bin_dir to the matching version, or upgrade the data directory.",
                seen.problem());
        assertEquals(
                LocalPostgres.DataDirectory.VALID,
                new DataDirectory(data, directory.resolve("state"), binaries(15))
                        .condition()
                        .kind());
    }

    /** As another program with these words would be found. */
    private static Path programs(Path directory, String version, List<String> names) throws Exception {
        Path bin = Files.createDirectories(directory.resolve("of " + version));
        for (String name : names) {
            Path program =
                    Files.writeString(bin.resolve(name), "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n");
            Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
        }
        return bin;
    }

    @Test
    void whatIsTooOldOrCannotBePromotedIsRefusedByName(@TempDir Path directory) throws Exception {
        List<String> some = List.of("postgres", "initdb", "pg_basebackup", "pg_controldata", "pg_rewind", "pg_waldump");
        List<String> all = Stream.concat(some.stream(), Stream.of("pg_ctl")).toList();
        Optional<Path> nine = Optional.of(programs(directory, "9.6.24", all));
        PostgresException old = assertThrows(PostgresException.class, () -> Binaries.find(nine));
        assertEquals(
                "The programs in " + nine.get() + " are of PostgreSQL 9, which is too old: 10 or later is needed.",
                old.getMessage());
        assertEquals(
                10,
                Binaries.find(Optional.of(programs(directory, "10.23", all))).major());
        Optional<Path> eleven = Optional.of(programs(directory, "11.22", some));
        PostgresException without = assertThrows(PostgresException.class, () -> Binaries.find(eleven));
        assertTrue(without.getMessage().contains("has no executable pg_ctl"), without.getMessage());
        assertEquals(
                12,
                Binaries.find(Optional.of(programs(directory, "12.1", some))).major());
    }

    private static Binaries binaries(int major) {
        return new Binaries(Path.of("/pg/" + major + "/bin"), major, Map.of());
    }

    @Test
    void theEndOfAProcessIsNoticed(@TempDir Path directory) throws Exception {
        Process sleep = new ProcessBuilder("sleep", "60").start();
        try {
            CountDownLatch ended = new CountDownLatch(1);
            Thread watcher = Pidfd.watch(LinuxProcess.find(sleep.pid()).orElseThrow(), directory, ended::countDown);
            assertTrue(watcher.isAlive());
            sleep.destroyForcibly();
            assertTrue(ended.await(2, TimeUnit.SECONDS));
        } finally {
            sleep.destroyForcibly();
        }
    }
}
