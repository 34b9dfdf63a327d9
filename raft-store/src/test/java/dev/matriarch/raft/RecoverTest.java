package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.ReformPlan;
import dev.matriarch.proto.store.v1.ServerNote;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A majority that is lost for good, and comes back. */
@Tag("slow")
@Timeout(180)
class RecoverTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Duration TTL = Duration.ofSeconds(3);

    @TempDir
    Path dir;

    private static StoreGroup.Result recover(StoreGroup group, Recovery agreed) {
        return group.recover(
                agreed.groupId(),
                agreed.survivors().stream().map(Recovery.Survivor::peerId).collect(Collectors.toSet()),
                agreed.dead().stream().map(Recovery.Dead::peerId).collect(Collectors.toSet()),
                agreed.lossless(),
                agreed.waitMillis());
    }

    private static Recovery possible(StoreGroup group) throws Exception {
        return Peers.await(
                LONG, "a preview", () -> Optional.of(group.previewRecovery()).filter(r -> !r.refused()));
    }

    private static ServerNote replica(long lsn) {
        return ServerNote.newBuilder()
                .setData(true)
                .setRunning(true)
                .setInRecovery(true)
                .setTimeline(1)
                .setLsn(lsn)
                .setSystemIdentifier("7001")
                .build();
    }

    private static Recovery refuses(StoreGroup group, String part) {
        Recovery found = group.previewRecovery();
        assertTrue(found.refused());
        assertTrue(found.refusals().toString().contains(part), found.refusals().toString());
        assertFalse(recover(group, found).done());
        return found;
    }

    @Test
    void theSurvivorGoesOnAndTheMajorityThatComesBackCannotAct() throws Exception {
        String listening = "127.0.0.9:" + Peers.freePort("127.0.0.9");
        try (Peers peers = new Peers(dir, 3).startAll();
                RaftStore listener = RaftStore.open(
                        Peers.settings(
                                        "test",
                                        "l1",
                                        dir.resolve("l1"),
                                        listening,
                                        java.util.List.of(peers.addresses.get(2)))
                                .listening(),
                        s -> {})) {
            StoreGroup survivor = peers.stores.get(2).group();
            Peers.awaitTrue(
                    LONG, "listener", () -> survivor.addListener(listening).done());
            survivor.server(() -> Optional.of(replica(0x5000)));
            peers.dcs(0).writeInitialize("7001", Expected.absent(), Peers.TIMEOUT);
            peers.dcs(0).writeConfig("{\"ttl\":3}", Expected.absent(), Peers.TIMEOUT);
            var held = assertInstanceOf(
                    LeaseResult.Held.class, peers.dcs(0).acquireLeader("n1", TTL, Long.MAX_VALUE, Peers.TIMEOUT));
            peers.dcs(0)
                    .writeSync(
                            "n1",
                            held.epoch(),
                            Optional.of(new SyncState("n1", new TreeSet<>(Set.of("n3")), 0)),
                            Expected.anything(),
                            Peers.TIMEOUT);
            Peers.awaitTrue(
                    LONG,
                    "sync set",
                    () -> peers.dcs(2).read(Peers.TIMEOUT).sync().isPresent());
            long revision = peers.dcs(2).read(Peers.TIMEOUT).revision();
            refuses(survivor, "the store is not lost");

            peers.crash(0);
            refuses(survivor, "the store is not lost");
            peers.crash(1);
            refuses(survivor, "within the last 5 s");
            Recovery found = possible(survivor);
            assertTrue(found.lossless(), found.findings().toString());
            assertEquals(java.util.List.of("n3"), found.safe());
            assertEquals(1, found.survivors().size());
            assertEquals(2, found.dead().size());
            assertTrue(found.findings().toString().contains("Every acknowledged commit is on n3"));
            assertTrue(found.waitMillis() > TTL.toMillis(), "longer than a lease");
            assertFalse(
                    survivor.recover(found.groupId(), Set.of("n3-0"), Set.of(), true, 0)
                            .done(),
                    "others than were agreed upon");

            long begun = System.nanoTime();
            StoreGroup.Result result = recover(survivor, found);
            assertTrue(result.done(), result.message());
            assertThrows(
                    DcsException.class,
                    () -> peers.dcs(2).acquireLeader("n3", TTL, Long.MAX_VALUE, Duration.ofMillis(500)));
            assertTrue(peers.stores.get(2).awaitReady(LONG), () -> peers.dcs(2).health());
            assertTrue(System.nanoTime() - begun > found.waitMillis() * 1_000_000, "nobody led for a lease's time");
            var view = peers.dcs(2).read(Peers.TIMEOUT);
            assertEquals("7001", view.initialize().orElseThrow().value());
            assertEquals("{\"ttl\":3}", view.config().orElseThrow().value());
            assertTrue(peers.dcs(2).forbidsFailsafe().isEmpty());
            assertTrue(view.leader().isEmpty(), "PostgreSQL's ordinary race decides");
            assertEquals("n3", view.sync().orElseThrow().value().leader(), "who has every commit may lead");
            assertTrue(view.revision() > revision, "what was decided on a view of the old store is old");
            assertInstanceOf(
                    LeaseResult.Held.class, peers.dcs(2).acquireLeader("n3", TTL, view.revision(), Peers.TIMEOUT));

            // The listener hears of it, and belongs to nobody until it is taken in again.
            String again = "matriarchctl raft add-peer --listener " + listening;
            Peers.awaitTrue(
                    LONG, "word on the listener", () -> listener.dcs().health().contains(again));
            Peers.awaitTrue(
                    LONG, "listener", () -> survivor.addListener(listening).done());
            assertTrue(listener.awaitReady(LONG), () -> listener.dcs().health());

            // Both come back with their disks: a majority of the old store, and no vote in it.
            peers.start(0);
            peers.start(1);
            for (int i : new int[] {0, 1}) {
                Peers.awaitTrue(
                        LONG,
                        "word of the new store on n" + (i + 1),
                        () -> peers.dcs(i).health().contains("matriarchctl raft add-peer " + peers.addresses.get(i)));
                assertTrue(peers.dcs(i).forbidsFailsafe().isPresent(), "promises of others do not count either");
                assertThrows(
                        DcsException.class,
                        () -> peers.dcs(i).acquireLeader("n1", TTL, Long.MAX_VALUE, Duration.ofMillis(500)));
                try (var kept = Files.list(peers.dataDir(i))) {
                    assertTrue(
                            kept.anyMatch(f -> f.getFileName().toString().startsWith("removed-")), "nothing deleted");
                }
            }
            for (int i : new int[] {0, 1}) {
                Peers.awaitTrue(
                        LONG, "vote", () -> survivor.add(peers.addresses.get(i)).done());
            }
            Peers.awaitTrue(
                    LONG,
                    "three again",
                    () -> survivor.report().optimal() && survivor.report().voters() == 3);
            assertEquals(
                    "7001",
                    peers.dcs(0).read(Peers.TIMEOUT).initialize().orElseThrow().value());
        }
    }

    @Test
    void aMajorityThatWasOnlyCutOffIsFencedAsSoonAsItIsReached() throws Exception {
        try (Peers peers = new Peers(dir, 5).startAll()) {
            peers.dcs(0).writeInitialize("7001", Expected.absent(), Peers.TIMEOUT);
            peers.dcs(0).writeConfig("{\"ttl\":1}", Expected.absent(), Peers.TIMEOUT);
            for (int i : new int[] {3, 4}) {
                int lsn = 0x1000 * i;
                peers.stores.get(i).group().server(() -> Optional.of(replica(lsn)));
                Peers.awaitTrue(
                        LONG,
                        "config",
                        () -> peers.dcs(i).read(Peers.TIMEOUT).config().isPresent());
            }
            for (int i : new int[] {0, 1, 2}) {
                peers.crash(i);
            }
            // Any survivor may be asked; the second one joins the first by itself.
            StoreGroup asked = peers.stores.get(3).group();
            Recovery found = possible(asked);
            assertEquals("n5", found.survivors().getFirst().name(), "the best server first");
            assertFalse(found.lossless());
            assertTrue(recover(asked, found).done());
            Peers.awaitTrue(
                    LONG,
                    "two peers",
                    () -> peers.stores.get(3).group().report().voters() == 2
                            && peers.stores.get(4).group().report().optimal());
            // What both have from the log now lies behind the change that took the second one in.
            for (int i : new int[] {3, 4}) {
                assertTrue(
                        peers.stores.get(i).awaitReady(LONG), () -> peers.dcs(i).health());
            }
            // A founder that starts again is still in the new store.
            for (int i : new int[] {3, 4}) {
                peers.crash(i);
            }
            peers.start(3);
            peers.start(4);
            for (int i : new int[] {3, 4}) {
                assertTrue(
                        peers.stores.get(i).awaitReady(LONG),
                        () -> peers.dcs(i).health() + " "
                                + peers.stores.get(i).group().report()
                                + peers.stores.get(i).status());
            }
            // Started while the survivors are away, the old majority acts; when they return it is told.
            for (int i : new int[] {3, 4}) {
                peers.crash(i);
            }
            for (int i : new int[] {0, 1, 2}) {
                peers.start(i);
            }
            for (int i : new int[] {0, 1, 2}) {
                assertTrue(
                        peers.stores.get(i).awaitReady(LONG), () -> peers.dcs(i).health());
            }
            peers.start(3);
            peers.start(4);
            for (int i : new int[] {0, 1, 2}) {
                Peers.awaitTrue(
                        LONG,
                        "word of the new store on n" + (i + 1),
                        () -> peers.dcs(i).health().contains("matriarchctl raft add-peer " + peers.addresses.get(i)));
            }
            assertTrue(peers.stores.get(3).awaitReady(LONG), () -> peers.dcs(3).health());
        }
    }

    @Test
    void aPlanThatWaitedOnADiskDoesNotEndAStoreThatHasComeBack() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            peers.dcs(0).writeInitialize("7001", Expected.absent(), Peers.TIMEOUT);
            String group = peers.stores.get(0).group().report().groupId();
            peers.crash(2);
            // As a founder leaves it that dies after it has noted its plan.
            PeerMarker old = PeerMarker.load(peers.dataDir(2)).orElseThrow();
            Reforming.save(
                    peers.dataDir(2),
                    ReformPlan.newBuilder()
                            .setGivenUp(group)
                            .setGroupId("0b0b0b0b-0000-0000-0000-000000000002")
                            .setMe(old.identity().toBuilder().setPeerId("n3-0000"))
                            .addAllMembers(old.known())
                            .setWaitMillis(100)
                            .setSeed(Command.getDefaultInstance().toByteString())
                            .build());
            peers.start(2);
            assertTrue(peers.stores.get(2).awaitReady(LONG), () -> peers.dcs(2).health());
            assertEquals(group, peers.stores.get(2).group().report().groupId());
            assertEquals(
                    "7001",
                    peers.dcs(2).read(Peers.TIMEOUT).initialize().orElseThrow().value());
            assertTrue(Files.exists(peers.dataDir(2).resolve(Reforming.FILE + ".abandoned")));
            Peers.awaitTrue(
                    LONG,
                    "three that agree",
                    () -> peers.stores.get(0).group().report().optimal());
        }
    }

    @Test
    void aPlanThatIsOldWaitsForAPerson() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            String group = peers.stores.get(0).group().report().groupId();
            for (int i = 0; i < 3; i++) {
                peers.crash(i);
            }
            String successor = "0b0b0b0b-0000-0000-0000-000000000002";
            PeerMarker old = PeerMarker.load(peers.dataDir(2)).orElseThrow();
            Reforming.save(
                    peers.dataDir(2),
                    ReformPlan.newBuilder()
                            .setGivenUp(group)
                            .setGroupId(successor)
                            .setMe(old.identity().toBuilder().setPeerId("n3-0000"))
                            .addAllMembers(old.known())
                            .setWaitMillis(100)
                            .setSeed(Command.getDefaultInstance().toByteString())
                            .build());
            Path plan = peers.dataDir(2).resolve(Reforming.FILE);
            Files.setLastModifiedTime(plan, FileTime.from(Instant.now().minus(Duration.ofHours(1))));
            StoreStartException refused = assertThrows(StoreStartException.class, () -> peers.start(2));
            assertTrue(refused.getMessage().contains("touch " + plan), refused.getMessage());
            assertEquals(
                    group,
                    PeerMarker.load(peers.dataDir(2))
                            .orElseThrow()
                            .groupId()
                            .orElseThrow()
                            .toString());

            Files.setLastModifiedTime(plan, FileTime.from(Instant.now()));
            peers.start(2);
            assertEquals(
                    successor,
                    PeerMarker.load(peers.dataDir(2))
                            .orElseThrow()
                            .groupId()
                            .orElseThrow()
                            .toString());
        }
    }
}
