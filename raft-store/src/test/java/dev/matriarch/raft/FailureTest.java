package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.WriteResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Peers that die, vanish or lose their disks. */
@Tag("slow")
class FailureTest {
    private static final Duration TTL = Duration.ofSeconds(3);

    @TempDir
    Path dir;

    private static long millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1_000_000;
    }

    @Test
    void deathOfRaftLeaderAndHolderTogetherDoesNotRestartTheLease() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            int leader = peers.raftLeader();
            String holder = "n" + (leader + 1);
            int survivor = (leader + 1) % 3;
            List<Change> seen = new CopyOnWriteArrayList<>();
            peers.dcs(survivor).onChange(seen::add);
            assertInstanceOf(
                    LeaseResult.Held.class,
                    peers.dcs(leader).acquireLeader(holder, TTL, Long.MAX_VALUE, Peers.TIMEOUT));
            long granted = System.nanoTime();
            Peers.awaitTrue(Peers.TIMEOUT, "event", () -> seen.contains(Change.LEADER));
            seen.clear();
            // The later the Raft leader dies, the more a restarted TTL would show.
            Thread.sleep(1000);
            peers.crash(leader);
            Peers.awaitTrue(Duration.ofSeconds(8), "expiry", () -> seen.contains(Change.LEADER));
            long millis = millisSince(granted);
            assertTrue(millis >= 2900 && millis < 3800, "expired after " + millis + " ms");
            assertInstanceOf(
                    LeaseResult.Held.class,
                    peers.dcs(survivor)
                            .acquireLeader("n" + (survivor + 1), Duration.ofMinutes(1), Long.MAX_VALUE, Peers.TIMEOUT));

            peers.start(leader);
            peers.awaitReady();
            int back = leader;
            Peers.awaitTrue(
                    Peers.TIMEOUT,
                    "view of the new leader",
                    () -> peers.dcs(back)
                            .read(Peers.TIMEOUT)
                            .leader()
                            .map(l -> l.name().equals("n" + (survivor + 1)))
                            .orElse(false));
        }
    }

    @Test
    void deathOfTheRaftLeaderAloneLetsTheHolderGoOn() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            // On a busy machine a lease of 3 s has ended here before the new Raft leader was there.
            Duration ttl = Duration.ofSeconds(5);
            int leader = peers.raftLeader();
            int holder = (leader + 1) % 3;
            String name = "n" + (holder + 1);
            var held = assertInstanceOf(
                    LeaseResult.Held.class, peers.dcs(holder).acquireLeader(name, ttl, Long.MAX_VALUE, Peers.TIMEOUT));
            peers.crash(leader);
            long crashed = System.nanoTime();
            assertEquals(held, peers.dcs(holder).renewLeader(name, held.epoch(), ttl, Optional.empty(), ttl));
            assertTrue(millisSince(crashed) < 4500, "renewed after " + millisSince(crashed) + " ms");
        }
    }

    @Test
    void withoutAMajorityEveryCallEndsInTime() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            peers.crash(1);
            peers.crash(2);
            long start = System.nanoTime();
            assertThrows(
                    DcsException.class,
                    () -> peers.dcs(0).acquireLeader("n1", TTL, Long.MAX_VALUE, Duration.ofMillis(800)));
            assertTrue(millisSince(start) < 1500, "took " + millisSince(start) + " ms");
            Peers.awaitTrue(Duration.ofSeconds(6), "refused read", () -> {
                try {
                    peers.dcs(0).read(Duration.ZERO);
                    return false;
                } catch (DcsException e) {
                    return true;
                }
            });
            assertTrue(!peers.dcs(0).health().startsWith("ok"), peers.dcs(0).health());
            peers.start(1);
            peers.awaitReady();
            assertEquals(
                    "1",
                    peers.dcs(1).read(Peers.TIMEOUT).initialize().orElseThrow().value());
        }
    }

    @Test
    void aWipedPeerJoinsAgainAsANewOne() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            int wiped = (peers.raftLeader() + 1) % 3;
            String before = peers.stores.get(wiped).status().peerId();
            peers.crash(wiped);
            delete(peers.dataDir(wiped));
            peers.start(wiped);
            peers.awaitReady();
            Peers.awaitTrue(
                    Peers.TIMEOUT,
                    "copied data",
                    () -> peers.dcs(wiped).read(Peers.TIMEOUT).initialize().isPresent());
            RaftStatus status = peers.stores.get(wiped).status();
            assertTrue(!status.peerId().equals(before));
            assertEquals(3, status.peers().size());
            assertTrue(status.peers().stream().noneMatch(p -> p.peerId().equals(before)));
            // The new peer counts: the majority holds with it and one other.
            int gone = IntStream.range(0, 3)
                    .filter(i -> i != wiped)
                    .filter(i -> peers.stores.get(i).status().role() != RaftStatus.Role.LEADER)
                    .findFirst()
                    .orElseThrow();
            peers.crash(gone);
            assertInstanceOf(
                    WriteResult.Written.class, peers.dcs(wiped).writeConfig("{}", Expected.absent(), Peers.TIMEOUT));
        }
    }

    @Test
    void aClosedRaftLeaderHandsOverFirst() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            int leader = peers.raftLeader();
            int other = (leader + 1) % 3;
            peers.stores.get(leader).close();
            peers.stores.set(leader, null);
            long start = System.nanoTime();
            peers.dcs(other).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            assertTrue(millisSince(start) < 400, "took " + millisSince(start) + " ms");
        }
    }

    @Test
    void aLogThatCannotBeWrittenStopsTheReplicaUntilItCanBeRebuilt() throws Exception {
        try (Peers peers = new Peers(dir, 3).startAll()) {
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            peers.stores.get(0).breakLog(new java.io.IOException("No space left on device"));
            assertTrue(
                    peers.dcs(0).health().contains("No space left"),
                    peers.dcs(0).health());
            assertThrows(DcsException.class, () -> peers.dcs(0).read(Duration.ofMillis(100)));
            peers.dcs(1).writeInitialize("2", Expected.anything(), Peers.TIMEOUT);
            assertTrue(
                    peers.stores.get(0).awaitReady(Duration.ofSeconds(12)),
                    peers.dcs(0).health());
            Peers.awaitTrue(
                    Peers.TIMEOUT,
                    "new value",
                    () -> peers.dcs(0)
                            .read(Peers.TIMEOUT)
                            .initialize()
                            .orElseThrow()
                            .value()
                            .equals("2"));
        }
    }

    private static void delete(Path path) throws Exception {
        try (var files = Files.walk(path)) {
            for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
