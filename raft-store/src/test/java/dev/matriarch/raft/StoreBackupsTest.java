package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Measure;
import dev.matriarch.raft.state.SavedStore;
import dev.matriarch.raft.state.StoreState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class StoreBackupsTest {
    private static final Instant NOON = Instant.parse("2026-11-21T12:00:00Z");
    private static final Duration HOUR = Duration.ofHours(1);

    @TempDir
    Path dir;

    private StoreGroup.Saved saved =
            new StoreGroup.Saved(new SavedStore("demo", "0001", 1, StoreState.EMPTY).bytes(), "");

    private StoreBackups backups(int keep) {
        return new StoreBackups(new RaftStore.Backups(dir.resolve("kept"), HOUR, keep), "n1", () -> saved);
    }

    private List<String> files() throws IOException {
        try (Stream<Path> all = Files.list(dir.resolve("kept"))) {
            return all.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    private static double value(StoreBackups backups, Instant now, String name) {
        return backups.measures(now).stream()
                .filter(m -> m.name().equals(name))
                .mapToDouble(m -> ((Measure.Gauge) m).value())
                .findFirst()
                .orElse(-1);
    }

    @Test
    void theStoreIsSavedOnceInEachIntervalAndTheOldestFilesGo() throws Exception {
        StoreBackups backups = backups(2);
        for (int minutes = 0; minutes <= 180; minutes += 20) {
            backups.step(NOON.plus(Duration.ofMinutes(minutes)));
        }
        assertEquals(List.of("n1-20261121T140000Z.store", "n1-20261121T150000Z.store"), files());
        Path file = dir.resolve("kept/n1-20261121T150000Z.store");
        assertEquals("demo", SavedStore.read(Files.readAllBytes(file)).scope());
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
        assertEquals(600, value(backups, NOON.plus(Duration.ofMinutes(190)), "raft_backup_age_seconds"));
        // Another life of the agent goes on where this one ended, and other files are none of its business.
        Files.writeString(dir.resolve("kept/n2-20200101T000000Z.store"), "another member's");
        Files.writeString(dir.resolve("kept/n1-notes.txt"), "a person's");
        StoreBackups next = backups(2);
        next.step(NOON.plus(Duration.ofMinutes(200)));
        assertEquals(1200, value(next, NOON.plus(Duration.ofMinutes(200)), "raft_backup_age_seconds"));
        next.step(NOON.plus(Duration.ofMinutes(240)));
        assertEquals(
                List.of(
                        "n1-20261121T150000Z.store",
                        "n1-20261121T160000Z.store",
                        "n1-notes.txt",
                        "n2-20200101T000000Z.store"),
                files());
    }

    @Test
    void nothingIsRemovedWhileNothingNewCanBeSaved() throws Exception {
        StoreBackups backups = backups(1);
        backups.step(NOON);
        StoreGroup.Saved good = saved;
        saved = new StoreGroup.Saved(new byte[0], "no majority");
        backups.step(NOON.plus(HOUR));
        assertEquals(1, value(backups, NOON, "raft_backup_failed"));
        byte[] damaged = good.file().clone();
        damaged[damaged.length - 1] ^= 1;
        saved = new StoreGroup.Saved(damaged, "");
        backups.step(NOON.plus(HOUR));
        assertEquals(1, value(backups, NOON, "raft_backup_failed"));
        assertTrue(files().contains("n1-20261121T120000Z.store"));
        assertTrue(files().stream().noneMatch(f -> f.contains("T130000Z")), "none with the name of a good one");
        saved = good;
        backups.step(NOON.plus(HOUR).plusSeconds(10));
        assertEquals(0, value(backups, NOON, "raft_backup_failed"));
        assertEquals(List.of("n1-20261121T130010Z.store"), files());
    }

    @Test
    void aClockThatWasSetBackNeitherStopsItNorMakesItWriteAgainAndAgain() throws Exception {
        StoreBackups backups = backups(1);
        backups.step(NOON.plus(Duration.ofDays(30)));
        backups.step(NOON);
        assertEquals(List.of("n1-20261121T120000Z.store"), files());
        backups.step(NOON.plusSeconds(10));
        assertEquals(List.of("n1-20261121T120000Z.store"), files());
    }

    @Test
    void aRunningStoreSavesItselfAndSaysHowOldThatIs() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            RaftStore store = RaftStore.open(
                    Peers.settings("demo", "n1", peers.dataDir(0), peers.addresses.getFirst(), List.of()), s -> {});
            peers.stores.set(0, store);
            assertTrue(store.awaitReady(Duration.ofSeconds(20)));
            store.keepBackups(new RaftStore.Backups(dir.resolve("kept"), Duration.ofSeconds(1), 2));
            Peers.awaitTrue(
                    Duration.ofSeconds(20),
                    "two files",
                    () -> Files.isDirectory(dir.resolve("kept"))
                            && files().stream()
                                            .filter(f -> f.endsWith(".store"))
                                            .count()
                                    == 2);
            assertTrue(store.dcs().measures().stream().anyMatch(m -> m.name().equals("raft_backup_age_seconds")));
        }
    }
}
