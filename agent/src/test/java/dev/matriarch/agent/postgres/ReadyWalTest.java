package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReadyWalTest {
    private static final String FIRST = "000000010000000000000003";
    private static final String SECOND = "000000010000000000000004";

    @TempDir
    Path dir;

    private Path data;
    private Path archive;
    private ReadyWal wal;

    @BeforeEach
    void create() throws Exception {
        data = dir.resolve("data");
        archive = Files.createDirectory(dir.resolve("archive"));
        Files.createDirectories(data.resolve("pg_wal/archive_status"));
        wal = new ReadyWal(data);
    }

    private void ready(String name) throws Exception {
        Files.writeString(data.resolve("pg_wal").resolve(name), name);
        Files.createFile(data.resolve("pg_wal/archive_status").resolve(name + ".ready"));
    }

    private static Deadline soon() {
        return Deadline.in(Duration.ofSeconds(20));
    }

    @Test
    void filesAreArchivedInOrderAndMarkedAsDone() throws Exception {
        ready(SECOND);
        ready(FIRST);
        ready("00000002.history");
        assertEquals(List.of("00000002.history", FIRST, SECOND), wal.waiting());
        assertEquals(0, wal.archive("cp %p " + archive + "/%f", soon()));
        assertEquals(FIRST, Files.readString(archive.resolve(FIRST)));
        assertEquals(List.of(), wal.waiting());
        assertTrue(Files.exists(data.resolve("pg_wal/archive_status/" + SECOND + ".done")));
    }

    @Test
    void whatComesAfterAFileThatCannotBeArchivedWaits() throws Exception {
        ready(FIRST);
        ready(SECOND);
        assertEquals(2, wal.archive("test %f = " + SECOND, soon()));
        assertEquals(List.of(FIRST, SECOND), wal.waiting());
        assertFalse(Files.exists(data.resolve("pg_wal/archive_status/" + FIRST + ".done")));
    }

    @Test
    void placeholdersAreThoseOfPostgresql() {
        assertEquals("a pg_wal/X X %p %x %", ReadyWal.filledIn("a %p %f %%p %x %", "X"));
    }

    @Test
    void aDirectoryWithoutAnyIsFine() throws Exception {
        assertEquals(List.of(), new ReadyWal(dir.resolve("elsewhere")).waiting());
    }
}
