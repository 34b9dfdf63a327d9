package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.WriteResult;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("slow")
class RaftStoreTest {
    private static final Duration TTL = Duration.ofSeconds(3);

    @TempDir
    Path dir;

    @Test
    void singlePeerFormsAtOnceAndKeepsItsDataOverARestart() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            peers.startAll();
            Dcs dcs = peers.dcs(0);
            assertTrue(dcs.read(Peers.TIMEOUT).isUnlocked());
            var written = assertInstanceOf(
                    WriteResult.Written.class, dcs.writeInitialize("", Expected.absent(), Peers.TIMEOUT));
            assertInstanceOf(WriteResult.Conflict.class, dcs.writeInitialize("7", Expected.absent(), Peers.TIMEOUT));
            assertInstanceOf(
                    WriteResult.Written.class,
                    dcs.writeInitialize("7", Expected.revision(written.revision()), Peers.TIMEOUT));
            var held = assertInstanceOf(
                    LeaseResult.Held.class, dcs.acquireLeader("n1", TTL, Long.MAX_VALUE, Peers.TIMEOUT));
            assertEquals(held, dcs.acquireLeader("n1", TTL, Long.MAX_VALUE, Peers.TIMEOUT));
            assertEquals(new LeaseResult.Lost("n1"), dcs.acquireLeader("n2", TTL, Long.MAX_VALUE, Peers.TIMEOUT));
            assertEquals(
                    held,
                    dcs.renewLeader(
                            "n1",
                            held.epoch(),
                            TTL,
                            Optional.of(new ClusterStatus(new Lsn(5), Map.of(), List.of())),
                            Peers.TIMEOUT));
            assertEquals(new Lsn(5), dcs.read(Peers.TIMEOUT).status().optime());
            peers.stores.get(0).close();

            peers.start(0);
            peers.awaitReady();
            assertEquals(
                    "7",
                    peers.dcs(0).read(Peers.TIMEOUT).initialize().orElseThrow().value());
            assertEquals(
                    "n1",
                    peers.dcs(0).read(Peers.TIMEOUT).leader().orElseThrow().name());
        }
    }

    @Test
    void threePeersShareLeaseEventsAndTakeOver() throws Exception {
        try (Peers peers = new Peers(dir, 3)) {
            peers.startAll();
            List<Change> seen = new CopyOnWriteArrayList<>();
            peers.dcs(2).onChange(seen::add);
            var held = assertInstanceOf(
                    LeaseResult.Held.class, peers.dcs(0).acquireLeader("n1", TTL, Long.MAX_VALUE, Peers.TIMEOUT));
            Peers.awaitTrue(Peers.TIMEOUT, "event", () -> seen.contains(Change.LEADER));
            for (int i = 0; i < 3; i++) {
                int peer = i;
                Peers.awaitTrue(
                        Peers.TIMEOUT,
                        "view",
                        () -> peers.dcs(peer)
                                .read(Peers.TIMEOUT)
                                .leader()
                                .map(l -> l.name().equals("n1") && l.epoch() == held.epoch())
                                .orElse(false));
            }
            seen.clear();
            long renewedAt = System.nanoTime();
            assertEquals(held, peers.dcs(0).renewLeader("n1", held.epoch(), TTL, Optional.empty(), Peers.TIMEOUT));
            assertEquals(
                    new LeaseResult.Lost("n1"), peers.dcs(1).acquireLeader("n2", TTL, Long.MAX_VALUE, Peers.TIMEOUT));
            Peers.awaitTrue(Duration.ofSeconds(6), "expiry", () -> seen.contains(Change.LEADER));
            long millis = (System.nanoTime() - renewedAt) / 1_000_000;
            assertTrue(millis >= 3000 && millis < 3500, "expired after " + millis + " ms");
            var next = assertInstanceOf(
                    LeaseResult.Held.class, peers.dcs(1).acquireLeader("n2", TTL, Long.MAX_VALUE, Peers.TIMEOUT));
            assertTrue(next.epoch() > held.epoch());
            assertEquals(
                    new LeaseResult.Lost("n2"),
                    peers.dcs(0).renewLeader("n1", held.epoch(), TTL, Optional.empty(), Peers.TIMEOUT));
        }
    }
}
