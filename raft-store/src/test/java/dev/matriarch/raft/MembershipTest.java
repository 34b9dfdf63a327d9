package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Measure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Peers that are taken in and removed while the store works. */
@Tag("slow")
@Timeout(180)
class MembershipTest {
    private static final Duration LONG = Duration.ofSeconds(20);

    @TempDir
    Path dir;

    /** Starts a peer whose configuration names these others. */
    private static RaftStore start(Peers peers, int i, int... partners) throws StoreStartException {
        List<String> addresses =
                IntStream.of(partners).mapToObj(peers.addresses::get).toList();
        RaftStore store = RaftStore.open(
                Peers.settings("test", "n" + (i + 1), peers.dataDir(i), peers.addresses.get(i), addresses),
                peers.progress::add);
        peers.stores.set(i, store);
        return store;
    }

    private static void take(Peers peers, int asked, int newcomer) throws Exception {
        start(peers, newcomer, asked);
        String address = peers.addresses.get(newcomer);
        Peers.awaitTrue(
                LONG,
                "peer that waits",
                () -> peers.dcs(newcomer).health().contains("matriarchctl raft add-peer " + address));
        sooner(() -> peers.stores.get(asked).group().add(address));
        assertTrue(
                peers.stores.get(newcomer).awaitReady(LONG),
                () -> peers.dcs(newcomer).health());
    }

    private static void says(StoreGroup.Result refused, String... parts) {
        assertFalse(refused.done(), refused.message());
        for (String part : parts) {
            assertTrue(refused.message().contains(part), refused.message());
        }
    }

    private static void removed(Peers peers, int asked, int whom, boolean force) throws Exception {
        sooner(() -> {
            StoreGroup.Result removed = peers.stores.get(asked).group().remove("n" + (whom + 1), force);
            // The reply to an earlier try may have been lost.
            boolean gone = removed.message().startsWith("no peer of the store is called");
            return new StoreGroup.Result(removed.done() || gone, removed.message());
        });
    }

    /** As people do: on a busy machine an election may come in between. */
    private static void sooner(Callable<StoreGroup.Result> change) throws Exception {
        List<String> refusals = new ArrayList<>();
        long deadline = System.nanoTime() + LONG.toNanos();
        while (true) {
            StoreGroup.Result result = change.call();
            if (result.done()) {
                return;
            }
            refusals.add(result.message());
            assertTrue(System.nanoTime() - deadline < 0, refusals.toString());
            Thread.sleep(100);
        }
    }

    @Test
    void growsFromOneToFiveAndBackWhileTheLeaseIsHeld() throws Exception {
        try (Peers peers = new Peers(dir, 5)) {
            start(peers, 0);
            peers.awaitReady();
            Duration ttl = Duration.ofSeconds(5);
            var held = assertInstanceOf(
                    LeaseResult.Held.class, peers.dcs(0).acquireLeader("n1", ttl, Long.MAX_VALUE, Peers.TIMEOUT));
            List<String> lost = new CopyOnWriteArrayList<>();
            Thread holder = Thread.ofVirtual().start(() -> {
                try {
                    while (true) {
                        LeaseResult renewed = peers.dcs(0)
                                .renewLeader("n1", held.epoch(), ttl, Optional.empty(), ttl.minusMillis(500));
                        if (!renewed.equals(held)) {
                            lost.add(renewed.toString());
                        }
                        Thread.sleep(300);
                    }
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                } catch (Exception e) {
                    lost.add(e.toString());
                }
            });
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            for (int newcomer = 1; newcomer < 5; newcomer++) {
                take(peers, 0, newcomer);
                int there = newcomer;
                Peers.awaitTrue(
                        LONG,
                        "copied data",
                        () -> peers.dcs(there).read(Peers.TIMEOUT).initialize().isPresent());
            }
            Peers.awaitTrue(LONG, "five that agree", () -> {
                GroupReport five = peers.stores.get(4).group().report();
                return five.voters() == 5 && five.tolerance() == 2 && five.optimal();
            });
            // The Raft leader is removed too, wherever it is by then.
            sooner(() -> peers.stores.get(0).group().lead("n3"));
            removed(peers, 0, 2, false);
            removed(peers, 0, 4, false);
            says(peers.stores.get(0).group().remove("n4", false), "survives the loss of 1", "--force");
            removed(peers, 0, 3, true);
            removed(peers, 0, 1, true);
            says(peers.stores.get(0).group().remove("n1", true), "the only peer");
            assertEquals(List.of(), lost);
            assertEquals(held, peers.dcs(0).renewLeader("n1", held.epoch(), ttl, Optional.empty(), ttl));
            holder.interrupt();
            holder.join();
            assertEquals(1, peers.stores.get(0).group().report().voters());
        }
    }

    @Test
    void whatWouldStopTheStoreIsRefused() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            assertInstanceOf(
                    LeaseResult.Held.class,
                    peers.dcs(0).acquireLeader("n1", Duration.ofMinutes(2), Long.MAX_VALUE, Peers.TIMEOUT));
            says(peers.stores.get(1).group().remove("n1", false), "n1 is the leader of the PostgreSQL", "Switch over");
            says(peers.stores.get(1).group().remove("nobody", false), "no peer of the store is called nobody", "n2-");
            sooner(() -> peers.stores.get(0).group().lead("n1"));
            peers.crash(2);
            Peers.awaitTrue(
                    LONG,
                    "notice of the death",
                    () -> peers.stores.get(0).group().report().tolerance() == 0);
            Peers.awaitTrue(
                    LONG,
                    "refusal",
                    () -> peers.stores
                            .get(0)
                            .group()
                            .remove("n2", true)
                            .message()
                            .contains("the store would stop"));
            // The dead one may go without a word about risks: nothing gets worse.
            removed(peers, 0, 2, false);
            assertEquals(2, peers.stores.get(1).group().report().voters());
        }
    }

    @Test
    void theLeaderOfPostgresqlIsProtectedUnderItsNewNameToo() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            peers.crash(0);
            peers.stores.set(
                    0,
                    RaftStore.open(
                            Peers.settings(
                                    "test", "renamed", peers.dataDir(0), peers.addresses.get(0), peers.addresses),
                            s -> {}));
            peers.awaitReady();
            assertInstanceOf(
                    LeaseResult.Held.class,
                    peers.dcs(0).acquireLeader("renamed", Duration.ofMinutes(2), Long.MAX_VALUE, Peers.TIMEOUT));
            for (int asked = 0; asked < 3; asked++) {
                StoreGroup group = peers.stores.get(asked).group();
                Peers.awaitTrue(
                        LONG,
                        "refusal",
                        () -> group.remove(peers.addresses.get(0), false)
                                .message()
                                .contains("renamed is the leader of the PostgreSQL"));
            }
            assertEquals(3, peers.stores.get(0).group().report().voters());
        }
    }

    @Test
    void aDeadHostIsReplacedByOneAtAnotherAddress() throws Exception {
        try (Peers peers = new Peers(dir, 4)) {
            for (int i = 0; i < 3; i++) {
                start(peers, i, 0, 1, 2);
            }
            peers.awaitReady();
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            peers.crash(2);
            take(peers, 0, 3);
            removed(peers, 0, 2, false);
            GroupReport report = peers.stores.get(3).group().report();
            assertEquals(3, report.voters());
            Peers.awaitTrue(
                    LONG,
                    "whole store",
                    () -> peers.stores.get(3).group().report().tolerance() == 1);

            // A restart with the old files changes nothing, and the contradiction is put into words.
            peers.crash(0);
            start(peers, 0, 0, 1, 2);
            peers.awaitReady();
            assertEquals(3, peers.stores.get(0).status().peers().size());
            assertTrue(peers.stores.get(0).status().peers().stream()
                    .anyMatch(p -> p.address().equals(peers.addresses.get(3))));
            String said = Contradiction.between(
                            Peers.settings(
                                    "test",
                                    "n1",
                                    peers.dataDir(0),
                                    peers.addresses.get(0),
                                    peers.addresses.subList(0, 3)),
                            List.of(peers.addresses.get(0), peers.addresses.get(1), peers.addresses.get(3)),
                            List.of())
                    .orElseThrow();
            assertTrue(said.contains("n1.yml names " + peers.addresses.get(2)), said);
            assertTrue(said.contains("lacks " + peers.addresses.get(3)), said);

            // The dead one comes back and finds out that it is no member, although it never knew the peer that leads
            // now.
            sooner(() -> peers.stores.get(0).group().lead("n4"));
            String before = PeerMarker.load(peers.dataDir(2)).orElseThrow().peerId();
            start(peers, 2, 0, 1, 2);
            Peers.awaitTrue(
                    Duration.ofSeconds(30),
                    "new identity",
                    () -> peers.dcs(2).health().contains("add-peer " + peers.addresses.get(2)));
            PeerMarker after = PeerMarker.load(peers.dataDir(2)).orElseThrow();
            assertNotEquals(before, after.peerId());
            assertTrue(Files.isDirectory(peers.dataDir(2).resolve("removed-" + before)));
            assertEquals(3, peers.stores.get(0).group().report().voters());
            sooner(() -> peers.stores.get(1).group().add(peers.addresses.get(2)));
            assertTrue(peers.stores.get(2).awaitReady(LONG), () -> peers.dcs(2).health());
            assertEquals(
                    "1",
                    peers.dcs(2).read(Peers.TIMEOUT).initialize().orElseThrow().value());
        }
    }

    @Test
    void aRemovedPeerIsANewOneAndMayComeBack() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            int out = (peers.raftLeader() + 1) % 3;
            int asked = peers.raftLeader();
            String before = peers.stores.get(out).status().peerId();
            removed(peers, asked, out, true);
            Peers.awaitTrue(
                    LONG,
                    "peer that waits again",
                    () -> peers.dcs(out).health().contains("add-peer " + peers.addresses.get(out)));
            // A restart in between does not make it forget that it waits, and it never forms a store of its own.
            peers.crash(out);
            start(peers, out);
            Peers.awaitTrue(
                    LONG,
                    "peer that waits after a restart",
                    () -> peers.dcs(out).health().contains("add-peer " + peers.addresses.get(out)));
            sooner(() -> peers.stores.get(asked).group().add(peers.addresses.get(out)));
            assertTrue(
                    peers.stores.get(out).awaitReady(LONG), () -> peers.dcs(out).health());
            assertNotEquals(before, peers.stores.get(out).status().peerId());
            assertEquals(3, peers.stores.get(asked).group().report().voters());
        }
    }

    @Test
    void aNodeThatLostItsDataAndNamesNobodyFindsTheOthersAndFormsNoSecondStore() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            Path file = Peers.stateDir(peers.dataDir(0)).resolve(KnownPeers.FILE);
            Peers.awaitTrue(LONG, "note of the others", () -> Files.exists(file));
            String before = peers.stores.get(0).status().peerId();
            for (int i = 0; i < 3; i++) {
                peers.crash(i);
            }
            Files.move(peers.dataDir(0), dir.resolve("aside"));
            peers.progress.clear();
            start(peers, 0);
            Peers.awaitTrue(
                    LONG,
                    "peer that waits for the others",
                    () -> peers.progress.stream()
                            .anyMatch(s -> s.startsWith("waiting for ")
                                    && s.contains(peers.addresses.get(1))
                                    && s.contains(peers.addresses.get(2))
                                    && s.contains("(1 of 3 present)")
                                    && s.contains(file.toString())));
            assertFalse(peers.stores.get(0).awaitReady(Duration.ofSeconds(1)));
            assertEquals(RaftStatus.Role.FORMING, peers.stores.get(0).status().role());
            assertFalse(peers.progress.stream().anyMatch(s -> s.startsWith("formed")), peers.progress::toString);
            start(peers, 1, 0, 2);
            start(peers, 2, 0, 1);
            peers.awaitReady();
            assertNotEquals(before, peers.stores.get(0).status().peerId());
            assertEquals(3, peers.stores.get(0).group().report().voters());
            assertEquals(
                    "1",
                    peers.dcs(0).read(Peers.TIMEOUT).initialize().orElseThrow().value());
        }
    }

    @Test
    void theNoteOfTheOthersFollowsTheMembers() throws Exception {
        try (Peers peers = new Peers(dir, 2)) {
            RaftStoreSettings settings =
                    Peers.settings("test", "n1", peers.dataDir(0), peers.addresses.get(0), List.of());
            start(peers, 0);
            peers.awaitReady();
            take(peers, 0, 1);
            Peers.awaitTrue(
                    LONG,
                    "note of the newcomer",
                    () -> new KnownPeers(settings).load().equals(Set.of(peers.addresses.get(1))));
            removed(peers, 0, 1, true);
            Peers.awaitTrue(
                    LONG, "empty note", () -> new KnownPeers(settings).load().isEmpty());
        }
    }

    @Test
    void whoCannotBeTakenInIsToldWhy() throws Exception {
        try (Peers peers = new Peers(dir, 4)) {
            for (int i = 0; i < 2; i++) {
                start(peers, i, 0, 1);
            }
            peers.awaitReady();
            StoreGroup group = peers.stores.get(0).group();
            says(group.add("nonsense"), "host:port");
            says(group.add(peers.addresses.get(2)), "nobody answers", "raft.partner_addrs");
            assertTrue(group.add(peers.addresses.get(1)).message().contains("already"));
            start(peers, 2);
            assertTrue(peers.stores.get(2).awaitReady(LONG));
            says(group.add(peers.addresses.get(2)), "part of another store", "aside");
            var foreign = Peers.settings("other", "n4", peers.dataDir(3), peers.addresses.get(3), List.of());
            try (RaftStore store = RaftStore.open(foreign, s -> {})) {
                assertTrue(store.awaitReady(LONG));
                says(group.add(peers.addresses.get(3)), "\"other\"", "\"test\"");
            }
            var twin = Peers.settings(
                    "test", "n1", dir.resolve("twin"), peers.addresses.get(3), List.of(peers.addresses.get(0)));
            try (RaftStore store = RaftStore.open(twin, s -> {})) {
                Peers.awaitTrue(LONG, "twin", () -> store.dcs().health().contains("add-peer"));
                says(group.add(peers.addresses.get(3)), "a peer named n1", "remove-peer");
            }
        }
    }

    @Test
    void everyPeerSaysWhatItSees() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            int leader = peers.raftLeader();
            int other = (leader + 1) % 3;
            List<GroupReport> reports = new ArrayList<>();
            Peers.awaitTrue(LONG, "agreement", () -> {
                GroupReport now = peers.stores.get(other).group().report();
                reports.add(now);
                return now.optimal();
            });
            GroupReport whole = reports.getLast();
            assertEquals(3, whole.rows().size());
            assertEquals(1, whole.tolerance());
            GroupReport.Row row = whole.rows().get(leader);
            assertEquals("leader", row.role());
            assertTrue(row.fsyncP99Millis().isPresent());
            List<String> measures =
                    peers.dcs(leader).measures().stream().map(Measure::name).toList();
            assertTrue(
                    measures.containsAll(List.of(
                            "raft_log_bytes",
                            "raft_fsync_seconds_p99",
                            "raft_fsync_seconds",
                            "raft_append_seconds",
                            "raft_peer_last_contact_seconds")),
                    measures.toString());
            assertTrue(peers.dcs(leader).measures().stream()
                    .anyMatch(m ->
                            m instanceof Measure.Gauge g && g.name().equals("raft_log_bytes") && g.value() > 1000));
            assertTrue(row.term().getAsLong() > 0);
            sooner(() -> peers.stores.get(other).group().lead("n" + (other + 1)));
            Peers.awaitTrue(LONG, "new Raft leader", () -> peers.raftLeader() == other);
            peers.crash(leader);
            GroupReport after = peers.stores.get(other).group().report();
            assertEquals("unreachable", after.rows().get(leader).role());
            assertEquals(0, after.tolerance());
            assertFalse(after.optimal());
        }
    }
}
