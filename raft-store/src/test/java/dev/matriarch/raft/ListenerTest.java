package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Measure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Peers without a vote, on real sockets and disks. */
@Tag("slow")
@Timeout(180)
class ListenerTest {
    private static final Duration LONG = Duration.ofSeconds(20);

    @TempDir
    Path dir;

    private static RaftStoreSettings settings(Peers peers, int i, int... partners) {
        List<String> addresses =
                IntStream.of(partners).mapToObj(peers.addresses::get).toList();
        return Peers.settings("test", "n" + (i + 1), peers.dataDir(i), peers.addresses.get(i), addresses);
    }

    private static void start(Peers peers, int i, int... partners) throws StoreStartException {
        peers.stores.set(i, RaftStore.open(settings(peers, i, partners), peers.progress::add));
    }

    private static void listen(Peers peers, int i, int... partners) throws StoreStartException {
        peers.stores.set(i, RaftStore.open(settings(peers, i, partners).listening(), peers.progress::add));
    }

    private static void voters(Peers peers, int count) throws Exception {
        int[] all = IntStream.range(0, count).toArray();
        for (int i : all) {
            start(peers, i, all);
        }
        peers.awaitReady();
    }

    private static void waits(Peers peers, int i, String flag) throws Exception {
        String command = "matriarchctl raft add-peer " + flag + peers.addresses.get(i);
        Peers.awaitTrue(LONG, "peer that waits", () -> peers.dcs(i).health().contains(command));
    }

    private static void takenIn(Peers peers, int i, int asked) throws Exception {
        listen(peers, i, asked);
        waits(peers, i, "--listener ");
        sooner(() -> peers.stores.get(asked).group().addListener(peers.addresses.get(i)));
        ready(peers, i);
    }

    private static void ready(Peers peers, int i) throws Exception {
        assertTrue(peers.stores.get(i).awaitReady(LONG), () -> peers.dcs(i).health());
        assertEquals(RaftStatus.Role.LISTENER, peers.stores.get(i).status().role());
    }

    /** As people do: on a busy machine an election may come in between. */
    private static void sooner(Callable<StoreGroup.Result> change) throws Exception {
        String[] last = {""};
        Peers.awaitTrue(LONG, "change", () -> {
            StoreGroup.Result result = change.call();
            last[0] = result.message();
            return result.done();
        });
    }

    private static void refuses(StoreGroup.Result result, String... parts) {
        assertFalse(result.done(), result.message());
        for (String part : parts) {
            assertTrue(result.message().contains(part), result.message());
        }
    }

    private static String initialize(Peers peers, int i) throws DcsException {
        return peers.dcs(i).read(Peers.TIMEOUT).initialize().orElseThrow().value();
    }

    @Test
    void aListenerFollowsTheLogAndIsNeverCounted() throws Exception {
        try (Peers peers = new Peers(dir, 3)) {
            voters(peers, 2);
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            StoreGroup group = peers.stores.get(0).group();
            listen(peers, 2, 0);
            waits(peers, 2, "--listener ");
            refuses(group.add(peers.addresses.get(2)), "is a listener", "--listener");
            refuses(group.addListener(peers.addresses.get(1)), "n2 at", "has a vote in this store");
            assertEquals(0, peers.stores.get(0).status().listeners().size());
            sooner(() -> group.addListener(peers.addresses.get(2)));
            ready(peers, 2);
            assertEquals("1", initialize(peers, 2));
            assertTrue(group.addListener(peers.addresses.get(2))
                    .message()
                    .contains("is a listener of this store already"));
            refuses(group.add(peers.addresses.get(2)), "is a listener of this store", "To give it a vote");
            refuses(group.lead("n3"), "n3 is a listener", "cannot lead");

            Peers.awaitTrue(LONG, "two voters that agree, and a listener", () -> {
                GroupReport report = peers.stores.get(2).group().report();
                GroupReport.Row row = report.rows().get(2);
                return report.optimal()
                        && report.voters() == 2
                        && report.tolerance() == 0
                        && row.role().equals("listener")
                        && !row.voter()
                        && row.healthy();
            });
            assertEquals(2, measure(peers, 2, "raft_peers"));
            assertEquals(1, measure(peers, 2, "raft_listeners"));

            // Another Raft leader, and what is written then.
            for (int next : new int[] {0, 1}) {
                sooner(() -> group.lead("n" + (next + 1)));
                peers.dcs(next).writeConfig("{\"ttl\":" + (next + 5) + "}", Expected.anything(), Peers.TIMEOUT);
                Peers.awaitTrue(
                        LONG,
                        "config on the listener",
                        () -> peers.dcs(2)
                                .read(Peers.TIMEOUT)
                                .config()
                                .filter(c -> c.value().equals("{\"ttl\":" + (next + 5) + "}"))
                                .isPresent());
            }

            // One of two voters dies: with the listener there would be two of three.
            peers.crash(1);
            Peers.awaitTrue(
                    LONG, "no leader", () -> peers.stores.get(0).status().role() != RaftStatus.Role.LEADER);
            assertThrows(
                    DcsException.class,
                    () -> peers.dcs(0).writeConfig("{}", Expected.anything(), Duration.ofSeconds(3)));
            assertEquals(RaftStatus.Role.LISTENER, peers.stores.get(2).status().role());
            String why = assertThrows(DcsException.class, () -> peers.dcs(2).read(Duration.ofMillis(100)))
                    .getMessage();
            assertTrue(why.contains("out of touch"), why);
            start(peers, 1, 0);
            peers.awaitReady();
            assertEquals(RaftStatus.Role.LISTENER, peers.stores.get(2).status().role());
        }
    }

    private static double measure(Peers peers, int i, String name) {
        return peers.dcs(i).measures().stream()
                .filter(m -> m.name().equals(name))
                .mapToDouble(m -> ((Measure.Gauge) m).value())
                .findFirst()
                .orElseThrow();
    }

    @Test
    void aListenerThatIsAwayHindersNobodyAndComesBackAlsoWithoutItsDisk() throws Exception {
        try (Peers peers = new Peers(dir, 4)) {
            voters(peers, 2);
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            takenIn(peers, 2, 0);
            String before = peers.stores.get(2).status().peerId();
            peers.crash(2);

            // A third voter comes while it is away; the change keeps the listener.
            start(peers, 3, 0);
            waits(peers, 3, "");
            sooner(() -> peers.stores.get(0).group().add(peers.addresses.get(3)));
            assertTrue(peers.stores.get(3).awaitReady(LONG), () -> peers.dcs(3).health());
            Peers.awaitTrue(LONG, "three voters, and a listener that is away", () -> {
                GroupReport report = peers.stores.get(3).group().report();
                return report.voters() == 3
                        && report.tolerance() == 1
                        && report.rows().stream()
                                .filter(r -> r.name().equals("n3"))
                                .anyMatch(r -> r.listener() && r.role().equals("unreachable") && !r.voter())
                        && report.rows().stream().noneMatch(r -> r.voter() && r.listener());
            });
            peers.dcs(0).writeConfig("{\"ttl\":7}", Expected.anything(), Peers.TIMEOUT);
            listen(peers, 2, 0);
            ready(peers, 2);
            assertEquals(before, peers.stores.get(2).status().peerId());
            assertEquals(
                    "{\"ttl\":7}",
                    peers.dcs(2).read(Peers.TIMEOUT).config().orElseThrow().value());

            // Without its disk it is a new peer, in the place of the old one.
            peers.crash(2);
            Files.move(peers.dataDir(2), dir.resolve("lost"));
            listen(peers, 2, 0);
            ready(peers, 2);
            assertNotEquals(before, peers.stores.get(2).status().peerId());
            assertEquals("1", initialize(peers, 2));
            Peers.awaitTrue(LONG, "one listener", () -> {
                RaftStatus status = peers.stores.get(0).status();
                return status.listeners().size() == 1 && status.peers().size() == 3;
            });
            assertTrue(peers.stores.get(0).status().listeners().stream()
                    .noneMatch(l -> l.peerId().equals(before)));

            // Nobody else's disk is kept there.
            peers.crash(2);
            String kind = assertThrows(StoreStartException.class, () -> start(peers, 2, 0))
                    .getMessage();
            assertTrue(kind.contains("belongs to a listener") && kind.contains("Nothing was changed"), kind);
            String other = assertThrows(StoreStartException.class, () -> {
                        peers.crash(3);
                        listen(peers, 3, 0);
                    })
                    .getMessage();
            assertTrue(other.contains("belongs to a peer with a vote"), other);
            Files.move(peers.dataDir(2), dir.resolve("lost-too"));
            start(peers, 2, 0);
            Peers.awaitTrue(
                    LONG,
                    "refusal",
                    () -> peers.progress.stream()
                            .anyMatch(s ->
                                    s.contains("a listener. Remove that one first: matriarchctl raft remove-peer")));
        }
    }

    @Test
    void aListenerThatIsRemovedNoticesAndMayComeBack() throws Exception {
        try (Peers peers = new Peers(dir, 2)) {
            start(peers, 0);
            peers.awaitReady();
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            takenIn(peers, 1, 0);
            StoreGroup group = peers.stores.get(0).group();
            String before = peers.stores.get(1).status().peerId();
            sooner(() -> {
                StoreGroup.Result removed = group.remove("n2", false);
                boolean gone = removed.message().startsWith("no peer of the store is called");
                return new StoreGroup.Result(removed.done() || gone, removed.message());
            });
            assertEquals(0, peers.stores.get(0).status().listeners().size());
            waits(peers, 1, "--listener ");
            assertNotEquals(
                    before, PeerMarker.load(peers.dataDir(1)).orElseThrow().peerId());
            assertTrue(Files.isDirectory(peers.dataDir(1).resolve("removed-" + before)));
            sooner(() -> group.addListener(peers.addresses.get(1)));
            ready(peers, 1);
            assertEquals("1", initialize(peers, 1));
            assertEquals(1, peers.stores.get(0).status().peers().size());
        }
    }

    @Test
    void noStoreIsFormedWithOrByAListener() throws Exception {
        try (Peers peers = new Peers(dir, 2)) {
            listen(peers, 1, 0);
            Peers.awaitTrue(
                    LONG,
                    "listener that waits",
                    () -> peers.progress.stream()
                            .anyMatch(s ->
                                    s.startsWith("this listener waits for the store") && s.contains("forms none")));
            start(peers, 0, 1);
            Peers.awaitTrue(
                    LONG,
                    "refusal",
                    () -> peers.progress.stream()
                            .anyMatch(s -> s.contains(
                                            "n2 at " + peers.addresses.get(1) + " is a listener, which has no vote")
                                    && s.contains("Take " + peers.addresses.get(1) + " out of raft.partner_addrs")));
            assertFalse(peers.stores.get(0).awaitReady(Duration.ofSeconds(1)));
            assertFalse(peers.progress.stream().anyMatch(s -> s.startsWith("formed")), peers.progress::toString);
            peers.crash(0);
            start(peers, 0);
            peers.awaitReady(0);
            waits(peers, 1, "--listener ");
            assertEquals(1, peers.stores.get(0).status().peers().size());
        }
    }

    @Test
    void theStoreStaysAtTheLevelOfAnOlderListener() throws Exception {
        try (Peers peers = new Peers(dir, 2)) {
            FeatureLevel older = new FeatureLevel(1);
            FeatureLevel newer = new FeatureLevel(2);
            peers.stores.set(0, RaftStore.open(settings(peers, 0), peers.progress::add, older));
            peers.awaitReady();
            peers.stores.set(1, RaftStore.open(settings(peers, 1, 0).listening(), peers.progress::add, older));
            waits(peers, 1, "--listener ");
            sooner(() -> peers.stores.get(0).group().addListener(peers.addresses.get(1)));
            ready(peers, 1);
            peers.stores.get(0).close();
            peers.stores.set(0, RaftStore.open(settings(peers, 0), peers.progress::add, newer));
            peers.awaitReady();
            // Longer than the Raft leader's pause between two looks.
            long end = System.nanoTime() + Duration.ofSeconds(4).toNanos();
            while (System.nanoTime() - end < 0) {
                assertEquals(1, peers.stores.get(0).group().report().featureLevel());
                Thread.sleep(200);
            }
            peers.stores.get(1).close();
            peers.stores.set(1, RaftStore.open(settings(peers, 1, 0).listening(), peers.progress::add, newer));
            Peers.awaitTrue(
                    LONG,
                    "the next level",
                    () -> peers.stores.get(1).group().report().featureLevel() == 2);
        }
    }
}
