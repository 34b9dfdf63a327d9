package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RewindBlockersTest {
    @TempDir
    Path dir;

    @Test
    void filesThatMayNotBeWrittenAreNamedAlsoBehindLinks() throws Exception {
        Path data = Files.createDirectory(dir.resolve("data"));
        Path wal = Files.createDirectory(dir.resolve("wal"));
        Files.createSymbolicLink(data.resolve("pg_wal"), wal);
        Files.createFile(data.resolve("PG_VERSION"));
        Path key = Files.createFile(data.resolve("server.key"));
        Files.createFile(wal.resolve("000000010000000000000001"));
        Path blockedWal = data.resolve("pg_wal/000000010000000000000001");
        assertEquals(List.of(blockedWal, key), Rewind.blocking(data, p -> !p.equals(key) && !p.equals(blockedWal)));
        assertEquals(List.of(), Rewind.blocking(data, p -> true));
    }

    @Test
    void slotsThatPostgresql10BringsAlongAreRemoved() throws Exception {
        Path data = Files.createDirectory(dir.resolve("data"));
        Path slots = Files.createDirectories(data.resolve("pg_replslot/n2")).getParent();
        Files.createFile(slots.resolve("n2/state"));
        Rewind.removeSlots(data);
        assertEquals(List.of(slots), Files.list(data).toList());
        assertEquals(0, Files.list(slots).count());
    }
}
