package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** WAL and tablespaces that lie elsewhere go the way of the data directory. */
class OutsidePartsTest {
    @TempDir
    Path dir;

    private Path data() throws Exception {
        Path data = Files.createDirectories(dir.resolve("data"));
        Path wal = Files.createDirectories(dir.resolve("wal"));
        Files.writeString(wal.resolve("000000010000000000000001"), "x");
        Path space = Files.createDirectories(dir.resolve("space"));
        Files.createDirectories(space.resolve("PG_15_202209061/5"));
        Files.writeString(space.resolve("PG_15_202209061/5/1"), "x");
        Files.writeString(space.resolve("not-ours"), "x");
        Files.createDirectories(data.resolve("pg_tblspc"));
        Files.createSymbolicLink(data.resolve("pg_wal"), wal);
        Files.createSymbolicLink(data.resolve("pg_tblspc/16384"), space);
        Files.createSymbolicLink(data.resolve("pg_tblspc/16385"), dir.resolve("nowhere"));
        Files.writeString(data.resolve("PG_VERSION"), "15\n");
        return data;
    }

    private DataDirectory directory(Path data) throws Exception {
        return new DataDirectory(data, dir.resolve("state"), new Binaries(Path.of("/nowhere"), 15, java.util.Map.of()));
    }

    @Test
    void whatIsRemovedTakesItsWalAndTablespacesWithItButNothingElse() throws Exception {
        Path data = data();
        directory(data).remove("a test asked for it");
        assertTrue(directory(data).isEmpty());
        assertTrue(Files.isDirectory(dir.resolve("wal")), "a place that somebody made stays");
        assertFalse(Files.exists(dir.resolve("wal/000000010000000000000001")));
        assertFalse(Files.exists(dir.resolve("space/PG_15_202209061")));
        assertTrue(Files.exists(dir.resolve("space/not-ours")));
    }

    @Test
    void whatIsMovedAsideStaysWholeAndItsPlacesBecomeFree() throws Exception {
        Path data = data();
        Path aside = directory(data).setAsideFailed("the bootstrap failed");
        assertEquals(dir.resolve("data.failed"), aside);
        assertFalse(Files.exists(dir.resolve("wal")));
        assertFalse(Files.exists(dir.resolve("space")));
        assertTrue(Files.exists(aside.resolve("pg_wal/000000010000000000000001")));
        assertTrue(Files.exists(aside.resolve("pg_tblspc/16384/PG_15_202209061/5/1")));
        assertEquals(dir.resolve("wal.failed"), aside.resolve("pg_wal").toRealPath());
        // A second attempt has the same places, and another name.
        Path second = directory(data()).setAsideFailed("again");
        assertTrue(second.getFileName().toString().startsWith("data.failed-"));
        assertTrue(Files.exists(second.resolve("pg_wal/000000010000000000000001")));
        assertTrue(Files.exists(aside.resolve("pg_wal/000000010000000000000001")));
    }

    @Test
    void progressOfPgBasebackupIsRead() {
        CloneProgress p = CloneProgress.ofBaseBackup("20480/81920 kB (25%), 0/1 tablespace", Duration.ofSeconds(2))
                .orElseThrow();
        assertEquals(20L << 20, p.bytes());
        assertEquals(80L << 20, p.total());
        assertEquals(10L << 20, p.rate());
        assertEquals(Optional.of(Duration.ofSeconds(6)), p.left());
        assertEquals(Optional.empty(), CloneProgress.ofBaseBackup("waiting for checkpoint", Duration.ZERO));
        assertEquals(Optional.empty(), new CloneProgress("x", 5, 0, Duration.ofSeconds(1)).left());
    }
}
