package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Starts that must fail with a sentence, leave everything as it was and never hang. */
@Tag("slow")
@Timeout(60)
class StartTest {
    @TempDir
    Path dir;

    private StoreStartException refused(Peers peers, int i) {
        return assertThrows(StoreStartException.class, () -> peers.start(i));
    }

    private static void formed(Peers peers) throws Exception {
        peers.startAll();
        for (int i = 0; i < 50; i++) {
            peers.dcs(0).writeInitialize("" + i, Expected.anything(), Peers.TIMEOUT);
        }
        peers.crash(0);
    }

    private static void says(String sentence, String... parts) {
        for (String part : parts) {
            assertTrue(sentence.contains(part), sentence);
        }
    }

    @Test
    void portInUse() throws Exception {
        try (Peers peers = new Peers(dir, 1);
                ServerSocket other = new ServerSocket()) {
            int port = Integer.parseInt(peers.addresses.get(0).split(":")[1]);
            other.bind(new InetSocketAddress("127.0.0.1", port));
            says(refused(peers, 0).getMessage(), peers.addresses.get(0), "in use", "raft.bind_addr");
        }
    }

    @Test
    void directoryThatIsAFile() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            Files.writeString(peers.dataDir(0), "not a directory");
            says(refused(peers, 0).getMessage(), peers.dataDir(0).toString(), "cannot be used");
        }
    }

    @Test
    void addressThatIsNone() throws Exception {
        var settings = Peers.settings("s", "n", dir.resolve("n"), "nonsense", List.of());
        says(
                assertThrows(StoreStartException.class, () -> RaftStore.open(settings, s -> {}))
                        .getMessage(),
                "nonsense",
                "host:port");
    }

    @Test
    void lostLogIsNotStartedEmpty() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            formed(peers);
            Path log = peers.dataDir(0).resolve("log");
            Files.move(log, dir.resolve("moved"));
            says(refused(peers, 0).getMessage(), "lost its log", "aside");
            Files.createDirectories(log);
            refused(peers, 0);
            assertTrue(Files.list(log).toList().isEmpty());
        }
    }

    @Test
    void lostIdentity() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            formed(peers);
            Files.delete(peers.dataDir(0).resolve(PeerMarker.FILE));
            says(refused(peers, 0).getMessage(), "identity.json is missing", "aside");
        }
    }

    @Test
    void damagedIdentity() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            formed(peers);
            for (String content : List.of("", "{", "{}", "[1]")) {
                Files.writeString(peers.dataDir(0).resolve(PeerMarker.FILE), content);
                says(refused(peers, 0).getMessage(), "identity.json", "aside");
            }
        }
    }

    @Test
    void otherScope() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            formed(peers);
            var other = Peers.settings("other", "n1", peers.dataDir(0), peers.addresses.get(0), List.of());
            says(
                    assertThrows(StoreStartException.class, () -> RaftStore.open(other, s -> {}))
                            .getMessage(),
                    "\"test\"",
                    "\"other\"");
        }
    }

    @Test
    void damagedLog() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            formed(peers);
            Path segment = newest(peers.dataDir(0), "log_inprogress");
            try (FileChannel channel = FileChannel.open(segment, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}), 200);
            }
            says(refused(peers, 0).getMessage(), peers.dataDir(0).toString(), "damaged", "aside", "new peer");
            // The port is free again.
            refused(peers, 0);
        }
    }

    @Test
    void truncatedSnapshot() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            peers.startAll();
            peers.dcs(0).writeInitialize("1", Expected.anything(), Peers.TIMEOUT);
            // A graceful end takes a snapshot.
            peers.stores.get(0).close();
            peers.stores.set(0, null);
            Path snapshot = newest(peers.dataDir(0), "snapshot.");
            try (FileChannel channel = FileChannel.open(snapshot, StandardOpenOption.WRITE)) {
                channel.truncate(channel.size() - 3);
            }
            says(refused(peers, 0).getMessage(), snapshot.getFileName().toString(), "damaged", "aside");
        }
    }

    @Test
    void peersOfAnotherClusterAreRefused() throws Exception {
        Path mine = dir.resolve("mine");
        try (Peers peers = new Peers(dir, 2)) {
            var settings = Peers.settings("other", "n1", mine, peers.addresses.get(0), List.of(peers.addresses.get(1)));
            peers.start(1);
            try (RaftStore store = RaftStore.open(settings, s -> {})) {
                Peers.awaitTrue(
                        Peers.TIMEOUT,
                        "refusal",
                        () -> store.dcs().health().contains("belongs to the cluster \"test\""));
                assertEquals(RaftStatus.Role.STOPPED, store.status().role());
                assertThrows(DcsException.class, () -> store.dcs().read(Duration.ZERO));
            }
        }
    }

    @Test
    void aPeerWaitsForTheOthersAndSaysForWhom() throws Exception {
        try (Peers peers = new Peers(dir, 3)) {
            peers.start(0);
            peers.start(1);
            Peers.awaitTrue(
                    Peers.TIMEOUT,
                    "progress",
                    () -> peers.progress.contains(
                            "waiting for " + peers.addresses.get(2) + " to form the store (2 of 3 present)"));
            var e = assertThrows(DcsException.class, () -> peers.dcs(0).read(Duration.ofMillis(50)));
            says(e.getMessage(), "waiting for");
            assertEquals(RaftStatus.Role.FORMING, peers.stores.get(0).status().role());
            peers.start(2);
            peers.awaitReady();
            assertEquals(3, peers.stores.get(0).status().peers().size());
        }
    }

    @Test
    void aNoteOfPeersOfAnotherClusterIsPassedOver() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            new KnownPeers(Peers.settings("other", "n1", peers.dataDir(0), peers.addresses.get(0), List.of()))
                    .remember(List.of("127.0.0.9:1"));
            peers.start(0);
            peers.awaitReady();
        }
    }

    @Test
    void aNoteOfPeersThatNobodyCanReadFormsNoStore() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            Path file = new KnownPeers(peers.settings(0)).file();
            Files.createDirectories(file.getParent());
            Files.writeString(file, "{");
            peers.start(0);
            Peers.awaitTrue(
                    Peers.TIMEOUT, "refusal", () -> peers.dcs(0).health().contains(file.toString()));
            says(peers.dcs(0).health(), "is damaged", "raft.partner_addrs", "remove the file");
        }
    }

    @Test
    void aNoteOfPeersThatCannotBeWrittenStopsNothing() throws Exception {
        try (Peers peers = new Peers(dir, 2)) {
            Files.writeString(Peers.stateDir(peers.dataDir(0)), "not a directory");
            peers.startAll();
        }
    }

    /** As if the process had died between the two. */
    private static void enteredOnly(Path dataDir) throws Exception {
        PeerMarker marker = PeerMarker.load(dataDir).orElseThrow();
        marker.entering(marker.groupId().orElseThrow(), marker.members()).save(dataDir);
    }

    @Test
    void aCrashBetweenEnteringAndSettlingIsMadeGood() throws Exception {
        for (int count : List.of(1, 3)) {
            try (Peers peers = new Peers(dir.resolve("of" + count), count).startAll()) {
                for (int i = 0; i < count; i++) {
                    peers.crash(i);
                    enteredOnly(peers.dataDir(i));
                }
                peers.startAll();
                assertEquals(count, peers.stores.get(0).status().peers().size());
            }
        }
        // Even before Ratis' first file.
        try (Peers peers = new Peers(dir.resolve("bare"), 1).startAll()) {
            peers.crash(0);
            enteredOnly(peers.dataDir(0));
            Files.move(peers.dataDir(0).resolve("log"), dir.resolve("moved"));
            peers.startAll();
        }
    }

    @Test
    void noStoreIsFormedWithAPeerThatWaitsForAnother() throws Exception {
        try (Peers peers = new Peers(dir, 2)) {
            UUID other = UUID.randomUUID();
            Files.createDirectories(peers.dataDir(0));
            PeerMarker.fresh(peers.settings(0)).entering(other, List.of()).save(peers.dataDir(0));
            peers.start(0);
            peers.start(1);
            Peers.awaitTrue(
                    Peers.TIMEOUT,
                    "refusal",
                    () -> peers.dcs(1).health().contains("waits to be taken into the store " + other));
            says(peers.dcs(1).health(), "n1 at " + peers.addresses.get(0), "raft.data_dir on n1 aside");
            Peers.awaitTrue(
                    Peers.TIMEOUT,
                    "the waiting peer's own word",
                    () -> peers.dcs(0).health().contains("waiting to be taken into the store " + other));
            assertFalse(peers.stores.get(1).awaitReady(Duration.ofSeconds(1)));
            assertEquals(RaftStatus.Role.FORMING, peers.stores.get(1).status().role());
            // As the sentence says.
            peers.crash(0);
            Files.move(peers.dataDir(0), dir.resolve("aside"));
            peers.start(0);
            peers.awaitReady();
            assertEquals(2, peers.stores.get(1).status().peers().size());
        }
    }

    @Test
    void aPeerThatWaitsForOneStoreDoesNotEnterAnotherThatNamesIt() throws Exception {
        try (Peers peers = new Peers(dir, 2).startAll()) {
            UUID other = UUID.randomUUID();
            peers.crash(1);
            PeerMarker.load(peers.dataDir(1))
                    .orElseThrow()
                    .entering(other, List.of())
                    .save(peers.dataDir(1));
            Files.move(peers.dataDir(1).resolve("log"), dir.resolve("moved"));
            peers.start(1);
            Peers.awaitTrue(
                    Peers.TIMEOUT,
                    "refusal",
                    () -> peers.dcs(1).health().contains("waits to be taken into the store " + other + ", but n1"));
            assertFalse(PeerMarker.load(peers.dataDir(1)).orElseThrow().settled());
        }
    }

    @Test
    void twoPeersOfOneNameDoNotFormAStoreUntilOneIsRenamed() throws Exception {
        try (Peers peers = new Peers(dir, 2)) {
            peers.start(0);
            var twin = Peers.settings("test", "n1", peers.dataDir(1), peers.addresses.get(1), peers.addresses);
            try (RaftStore store = RaftStore.open(twin, s -> {})) {
                for (var dcs : List.of(peers.dcs(0), store.dcs())) {
                    Peers.awaitTrue(Peers.TIMEOUT, "refusal", () -> dcs.health().contains("two peers are named 'n1'"));
                }
                says(store.dcs().health(), peers.addresses.get(0), peers.addresses.get(1), "another name");
            }
            peers.start(1);
            peers.awaitReady();
        }
    }

    private static Path newest(Path dir, String prefix) throws IOException {
        try (var files = Files.walk(dir)) {
            return files.filter(f -> f.getFileName().toString().startsWith(prefix)
                            && !f.getFileName().toString().endsWith(".md5"))
                    .max(Comparator.naturalOrder())
                    .orElseThrow();
        }
    }
}
