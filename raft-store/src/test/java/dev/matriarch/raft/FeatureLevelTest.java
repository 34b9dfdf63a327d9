package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.proto.store.v1.ViewReply;
import dev.matriarch.raft.state.SnapshotFormat;
import dev.matriarch.raft.state.StoreState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Peers of two builds in one store. The newer one is this one under a higher number. */
@Timeout(180)
class FeatureLevelTest {
    private static final Duration LONG = Duration.ofSeconds(40);
    private static final FeatureLevel OLD = FeatureLevel.BUILT;
    private static final FeatureLevel NEW = new FeatureLevel(OLD.known() + 1);

    @TempDir
    Path dir;

    private static Optional<ViewReply> says(int level) {
        return Optional.of(ViewReply.newBuilder().setFeatureLevel(level).build());
    }

    @Test
    void aLevelIsRaisedWhenEveryVoterSaysThatItKnowsIt() {
        FeatureLevel three = new FeatureLevel(3);
        assertEquals(OptionalInt.of(3), three.raise(1, List.of(says(3), says(4), says(3))));
        assertEquals(OptionalInt.of(2), three.raise(1, List.of(says(3), says(2), says(3))));
        assertEquals(OptionalInt.empty(), three.raise(2, List.of(says(3), says(2), says(3))));
        assertEquals(OptionalInt.empty(), three.raise(1, List.of(says(3), Optional.empty(), says(3))), "silent");
        assertEquals(
                OptionalInt.empty(), three.raise(1, List.of(says(3), says(0), says(3))), "does not know of levels");
    }

    private void start(Peers peers, int i, FeatureLevel level) throws Exception {
        peers.stores.set(i, RaftStore.open(peers.settings(i), peers.progress::add, level));
    }

    private static int level(Peers peers, int i) {
        return peers.stores.get(i).group().report().featureLevel();
    }

    @Test
    void aStoreIsUpgradedOnePeerAtATimeAndAnOlderPeerStaysOutAfterwards() throws Exception {
        try (Peers peers = new Peers(dir, 3)) {
            for (int i = 0; i < 3; i++) {
                start(peers, i, OLD);
            }
            peers.awaitReady();
            for (int i = 0; i < 3; i++) {
                assertEquals(OLD.known(), level(peers, i));
                peers.stores.get(i).close();
                peers.stores.set(i, null);
                start(peers, i, NEW);
                peers.awaitReady();
            }
            Peers.awaitTrue(LONG, "the next level on all peers", () -> {
                for (int i = 0; i < 3; i++) {
                    if (level(peers, i) != NEW.known()) {
                        return false;
                    }
                }
                return true;
            });
            // It is part of the state, and so of every copy of it.
            int leader = peers.raftLeader();
            int other = (leader + 1) % 3;
            peers.stores.get(other).close();
            peers.stores.set(other, null);
            start(peers, other, OLD);
            RaftStore old = peers.stores.get(other);
            Peers.awaitTrue(
                    LONG, "the older peer stops", () -> old.dcs().health().contains("feature level"));
            assertTrue(
                    old.dcs().health().contains("is older than the others"),
                    old.dcs().health());
            assertFalse(old.awaitReady(Duration.ofMillis(600)));
            Peers.awaitTrue(LONG, "its replica ends", () -> old.status().role() == RaftStatus.Role.STOPPED);
            assertTrue(peers.stores.get(leader).awaitReady(LONG), "the others go on");
            // Nothing was deleted: the right version goes on with it.
            old.close();
            peers.stores.set(other, null);
            start(peers, other, NEW);
            peers.awaitReady();

            // A new peer of the older version is not taken in.
            Path elsewhere = dir.resolve("n4");
            String address = "127.0.0.4:" + Peers.freePort("127.0.0.4");
            try (RaftStore fourth = RaftStore.open(
                    Peers.settings("test", "n4", elsewhere, address, List.of(peers.addresses.get(leader))),
                    peers.progress::add,
                    OLD)) {
                String refused = Peers.await(LONG, "an answer", () -> {
                    String message =
                            peers.stores.get(leader).group().add(address).message();
                    return message.contains("does not wait") ? Optional.empty() : Optional.of(message);
                });
                assertFalse(fourth.awaitReady(Duration.ofMillis(100)));
                assertTrue(refused.contains("is of an older version: the store has feature level"), refused);
            }
        }
    }

    @Test
    void aSnapshotKeepsIt() throws Exception {
        StoreState state =
                new StoreState(3, StoreState.EMPTY.entries(), StoreState.EMPTY.leases(), StoreState.EMPTY.history(), 7);
        assertEquals(7, SnapshotFormat.read(SnapshotFormat.write(state)).featureLevel());
    }
}
