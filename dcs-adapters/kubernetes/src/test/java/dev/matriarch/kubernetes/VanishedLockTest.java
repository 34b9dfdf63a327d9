package dev.matriarch.kubernetes;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Somebody deletes the lock's object, or all of them, while its holder may be cut off and lead on. */
class VanishedLockTest {
    private static final long ANY = Long.MAX_VALUE;
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final Duration BRIEF = Duration.ofSeconds(1);
    private static final LeaseResult NOBODYS = new LeaseResult.Lost("");

    private static ApiServers server;
    private static int clusters;

    private MockCluster cluster;
    private Dcs n1;
    private Dcs n2;

    @BeforeAll
    static void start() {
        server = new ApiServers();
    }

    @AfterAll
    static void stop() {
        if (server != null) {
            server.close();
        }
    }

    @BeforeEach
    void connect() throws Exception {
        cluster = new MockCluster(server, "v" + clusters++, true);
        n1 = cluster.connect("n1");
        n2 = cluster.connect("n2");
    }

    @AfterEach
    void disconnect() throws Exception {
        for (AutoCloseable part : new AutoCloseable[] {n1, n2, cluster}) {
            if (part != null) {
                part.close();
            }
        }
    }

    private void deleteTheLock() throws Exception {
        KubeObject lock = cluster.objects
                .get(cluster.settings.leaderName(), MockCluster.soon())
                .orElseThrow();
        assertTrue(cluster.objects.remove(lock, MockCluster.soon()));
    }

    private String leader(Dcs seenBy) throws DcsException {
        return seenBy.read(TIMEOUT).leader().map(l -> l.name()).orElse("");
    }

    @Test
    void nobodyElseTakesItBeforeItHasEnded() throws Exception {
        long epoch = epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        assertEquals("n1", leader(n2));
        deleteTheLock();
        assertEquals(new LeaseResult.Lost("n1"), n2.acquireLeader("n2", LONG, ANY, TIMEOUT));
        assertEquals("n1", leader(n2));
        assertEquals(epoch, n2.read(TIMEOUT).leader().orElseThrow().epoch());
        assertThrows(DcsException.class, () -> n2.deleteCluster(TIMEOUT));
    }

    @Test
    void itsHolderGoesOnInANewObject() throws Exception {
        long epoch = epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        cluster.wipe();
        assertEquals(new LeaseResult.Held(epoch), n1.renewLeader("n1", epoch, LONG, Optional.empty(), TIMEOUT));
        assertEquals(new LeaseResult.Held(epoch), n1.renewLeader("n1", epoch, LONG, Optional.empty(), TIMEOUT));
        assertEquals("n1", leader(n2));
        assertEquals(epoch, n2.read(TIMEOUT).leader().orElseThrow().epoch());
        assertTrue(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
        assertTrue(epoch(n2.acquireLeader("n2", LONG, ANY, TIMEOUT)) > epoch);
    }

    @Test
    void itsHolderDoesNotGoOnAgainstWhoeverHasTakenItMeanwhile() throws Exception {
        long epoch = epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        deleteTheLock();
        // A newcomer to a cluster without an identifier knows nothing of a lock.
        try (Dcs n3 = cluster.connect("n3")) {
            epoch(n3.acquireLeader("n3", LONG, ANY, TIMEOUT));
        }
        assertEquals(new LeaseResult.Lost("n3"), n1.renewLeader("n1", epoch, LONG, Optional.empty(), TIMEOUT));
    }

    @Test
    void afterItsTimeItIsTakenAndALaterOne() throws Exception {
        long epoch = epoch(n1.acquireLeader("n1", BRIEF, ANY, TIMEOUT));
        n2.read(TIMEOUT);
        deleteTheLock();
        long missed = System.nanoTime();
        await(TIMEOUT, "n2 leads", () -> n2.acquireLeader("n2", BRIEF, ANY, TIMEOUT) instanceof LeaseResult.Held);
        assertTrue(System.nanoTime() - missed >= BRIEF.toNanos());
        assertTrue(n2.read(TIMEOUT).leader().orElseThrow().epoch() > epoch);
    }

    /** Since it was seen free somebody may have taken it. */
    @Test
    void aFreeLockThatVanishedIsWaitedForAsWell() throws Exception {
        long epoch = epoch(n1.acquireLeader("n1", BRIEF, ANY, TIMEOUT));
        assertTrue(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
        assertEquals("", leader(n2));
        deleteTheLock();
        assertEquals("", leader(n2));
        assertEquals(NOBODYS, n2.acquireLeader("n2", LONG, ANY, TIMEOUT));
        await(TIMEOUT, "n2 leads", () -> n2.acquireLeader("n2", BRIEF, ANY, TIMEOUT) instanceof LeaseResult.Held);
    }

    /** A cluster that exists has had a leader. */
    @Test
    void whoComesIntoAClusterWithoutALockWaits() throws Exception {
        epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        n1.writeInitialize("7", Expected.absent(), TIMEOUT);
        deleteTheLock();
        try (Dcs n3 = cluster.connect("n3")) {
            assertEquals(NOBODYS, n3.acquireLeader("n3", LONG, ANY, TIMEOUT));
            await(TIMEOUT, "n3 leads", () -> n3.acquireLeader("n3", BRIEF, ANY, TIMEOUT) instanceof LeaseResult.Held);
        }
    }
}
