package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Expected;
import dev.matriarch.raft.state.SavedStore;
import dev.matriarch.raft.state.SnapshotFormat;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A store saved to a file, and what of it may come back. */
@Timeout(90)
@Tag("slow")
class SavedStoreTest {
    @TempDir
    Path dir;

    private static byte[] saved(StoreGroup group) {
        StoreGroup.Saved saved = group.save();
        assertEquals("", saved.problem());
        return saved.file();
    }

    private static RaftStore open(Peers peers, int i, String scope) throws Exception {
        RaftStore store = RaftStore.open(
                Peers.settings(scope, "n" + (i + 1), peers.dataDir(i), peers.addresses.get(i), List.of()), s -> {});
        peers.stores.set(i, store);
        assertTrue(store.awaitReady(Duration.ofSeconds(20)), () -> store.dcs().health());
        return store;
    }

    @Test
    void configurationAndHistoryComeBackIntoAnEmptyStoreOfTheSameCluster() throws Exception {
        try (Peers peers = new Peers(dir, 4)) {
            RaftStore old = open(peers, 0, "test");
            old.dcs().writeInitialize("7001", Expected.absent(), Peers.TIMEOUT);
            old.dcs().writeConfig("{\"ttl\":7}", Expected.absent(), Peers.TIMEOUT);
            old.dcs().acquireLeader("n1", Duration.ofMinutes(1), Long.MAX_VALUE, Peers.TIMEOUT);
            byte[] file = saved(old.group());
            assertTrue(file.length < 10_000, "a few kB, not " + file.length);
            StoreGroup.Result seen = old.group().inspect(file);
            assertTrue(seen.done());
            for (String line : List.of("Cluster: test", "System identifier: 7001", "Leader at that time: n1")) {
                assertTrue(seen.message().contains(line), seen.message());
            }
            assertTrue(old.group().restore(file).message().contains("already"));

            RaftStore empty = open(peers, 1, "test");
            StoreGroup.Result restored = empty.group().restore(file);
            assertTrue(restored.done(), restored.message());
            var view = empty.dcs().read(Peers.TIMEOUT);
            assertEquals("{\"ttl\":7}", view.config().orElseThrow().value());
            assertTrue(view.initialize().isEmpty(), "without the list of standbys it would let anybody lead");
            assertTrue(view.leader().isEmpty(), "who led belongs to its moment");

            RaftStore otherData = open(peers, 2, "test");
            otherData.dcs().writeInitialize("7002", Expected.absent(), Peers.TIMEOUT);
            StoreGroup.Result refused = otherData.group().restore(file);
            assertFalse(refused.done());
            assertTrue(refused.message().contains("another database"), refused.message());
            assertTrue(otherData.dcs().read(Peers.TIMEOUT).config().isEmpty());

            RaftStore otherCluster = open(peers, 3, "other");
            refused = otherCluster.group().restore(file);
            assertFalse(refused.done());
            assertTrue(refused.message().contains("\"test\""), refused.message());
        }
    }

    @Test
    void noDamagedFileIsTakenForASavedStore() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            RaftStore store = open(peers, 0, "test");
            store.dcs().writeConfig("{\"ttl\":7}", Expected.absent(), Peers.TIMEOUT);
            byte[] file = saved(store.group());
            assertEquals("test", SavedStore.read(file).scope());
            for (int length = 0; length < file.length; length++) {
                byte[] cut = Arrays.copyOf(file, length);
                assertThrows(SnapshotFormat.UnreadableSnapshot.class, () -> SavedStore.read(cut));
            }
            for (int bit = 0; bit < 8 * file.length; bit++) {
                byte[] damaged = file.clone();
                damaged[bit / 8] ^= (byte) (1 << bit % 8);
                assertThrows(SnapshotFormat.UnreadableSnapshot.class, () -> SavedStore.read(damaged));
            }
            Random random = new Random(4711);
            for (int i = 0; i < 2000; i++) {
                byte[] junk = new byte[random.nextInt(400)];
                random.nextBytes(junk);
                assertThrows(SnapshotFormat.UnreadableSnapshot.class, () -> SavedStore.read(junk));
            }
            byte[] damaged = file.clone();
            damaged[file.length - 1] ^= 1;
            StoreGroup.Result refused = store.group().restore(damaged);
            assertFalse(refused.done());
            assertTrue(refused.message().contains("checksum"), refused.message());
            assertFalse(store.group().inspect(damaged).done());
        }
    }
}
