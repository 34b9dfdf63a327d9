package dev.matriarch.dcs.contract;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static dev.matriarch.dcs.contract.Sample.revision;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineClaim;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.WriteResult;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every store must do. Each test has a cluster of its own with two members' clients. */
public abstract class DcsContract {
    private static final long ANY = Long.MAX_VALUE;

    protected StoreUnderTest store;
    protected Dcs n1;
    protected Dcs n2;

    /** A cluster that no other test has used. */
    protected abstract StoreUnderTest open() throws Exception;

    @BeforeEach
    void connect() throws Exception {
        store = open();
        n1 = store.connect("n1");
        n2 = store.connect("n2");
    }

    @AfterEach
    void disconnect() throws Exception {
        for (AutoCloseable part : new AutoCloseable[] {n1, n2, store}) {
            if (part != null) {
                part.close();
            }
        }
    }

    protected LeaseResult acquire(Dcs dcs, String member) throws DcsException {
        return dcs.acquireLeader(member, store.ttl(), ANY, TIMEOUT);
    }

    protected static ClusterStatus status(long optime) {
        return new ClusterStatus(new Lsn(optime), Map.of(), List.of());
    }

    /** Reads of another member may be a moment old. */
    protected void awaitView(Dcs dcs, String what, java.util.function.Predicate<ClusterView> condition)
            throws InterruptedException {
        await(TIMEOUT, what, () -> condition.test(dcs.read(TIMEOUT)));
    }

    @Test
    void anEmptyClusterIsAnEmptyView() throws Exception {
        ClusterView view = n1.read(TIMEOUT);
        assertTrue(view.isUnlocked());
        assertTrue(view.initialize().isEmpty());
        assertTrue(view.config().isEmpty());
        assertEquals(List.of(), view.members());
        assertEquals(ClusterStatus.NONE, view.status());
        assertTrue(n1.health().startsWith("ok"), n1.health());
    }

    /** Who takes the lock can tell a claim of before, and makes it another one: what its predecessor has under way is refused. */
    @Test
    void aClaimBelongsToTheLeaseItWasMadeIn() throws Exception {
        long epoch = assertInstanceOf(LeaseResult.Held.class, acquire(n1, "n1")).epoch();
        long claimed = revision(n1.writeInitialize("", Expected.absent(), TIMEOUT));
        assertTrue(claimed >= epoch, () -> "claim " + claimed + " in lease " + epoch);
        awaitView(n1, "its own claim", v -> v.initialize().isPresent());
        assertEquals(claimed, n1.read(TIMEOUT).initialize().orElseThrow().revision());
        assertTrue(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
        awaitView(n2, "nobody leads", v -> v.isUnlocked() && v.initialize().isPresent());
        long next = assertInstanceOf(LeaseResult.Held.class, acquire(n2, "n2")).epoch();
        assertEquals(claimed, n2.read(TIMEOUT).initialize().orElseThrow().revision());
        assertTrue(claimed < next, () -> "claim " + claimed + " before lease " + next);
        long taken = revision(n2.writeInitialize("", Expected.revision(claimed), TIMEOUT));
        assertTrue(taken >= next, () -> "claim " + taken + " in lease " + next);
        assertInstanceOf(WriteResult.Conflict.class, n1.writeInitialize("7", Expected.revision(claimed), TIMEOUT));
        assertInstanceOf(WriteResult.Written.class, n2.writeInitialize("8", Expected.revision(taken), TIMEOUT));
    }

    @Test
    void theRightToCreateIsGivenOnce() throws Exception {
        long claimed = revision(n1.writeInitialize("", Expected.absent(), TIMEOUT));
        assertInstanceOf(WriteResult.Conflict.class, n2.writeInitialize("", Expected.absent(), TIMEOUT));
        assertInstanceOf(WriteResult.Conflict.class, n2.writeInitialize("7", Expected.revision(claimed + 1), TIMEOUT));
        awaitView(n2, "the claim", v -> v.initialize().isPresent());
        assertEquals("", n2.read(TIMEOUT).initialize().orElseThrow().value());
        assertEquals(claimed, n2.read(TIMEOUT).initialize().orElseThrow().revision());
        awaitView(n1, "its own claim", v -> v.initialize().isPresent());
        n1.deleteInitialize(TIMEOUT);
        n1.deleteInitialize(TIMEOUT);
        long again = revision(n2.writeInitialize("", Expected.absent(), TIMEOUT));
        assertInstanceOf(WriteResult.Written.class, n2.writeInitialize("8", Expected.revision(again), TIMEOUT));
        assertInstanceOf(WriteResult.Conflict.class, n1.writeInitialize("", Expected.absent(), TIMEOUT));
    }

    @Test
    void theConfigurationIsComparedBeforeItIsChanged() throws Exception {
        long first = revision(n1.writeConfig("{\"ttl\":30}", Expected.absent(), TIMEOUT));
        long second = revision(n1.writeConfig("{\"ttl\":31}", Expected.revision(first), TIMEOUT));
        assertTrue(second > first);
        assertInstanceOf(WriteResult.Conflict.class, n2.writeConfig("{}", Expected.revision(first), TIMEOUT));
        assertInstanceOf(WriteResult.Conflict.class, n2.writeConfig("{}", Expected.absent(), TIMEOUT));
        long third = revision(n2.writeConfig("{\"ttl\":32}", Expected.anything(), TIMEOUT));
        awaitView(
                n1,
                "the last configuration",
                v -> v.config()
                        .filter(c -> c.value().equals("{\"ttl\":32}") && c.revision() == third)
                        .isPresent());
    }

    @Test
    void oneMemberHoldsTheLockUntilItGivesItBack() throws Exception {
        long epoch = epoch(acquire(n1, "n1"));
        assertEquals(epoch, epoch(acquire(n1, "n1")), "taking it again confirms it");
        assertEquals(new LeaseResult.Lost("n1"), acquire(n2, "n2"));
        assertEquals(epoch, epoch(n1.renewLeader("n1", epoch, store.ttl(), Optional.of(status(5)), TIMEOUT)));
        assertEquals(new Lsn(5), n1.read(TIMEOUT).status().optime(), "the holder sees what came with its renewal");
        assertInstanceOf(
                LeaseResult.Lost.class, n2.renewLeader("n2", epoch, store.ttl(), Optional.of(status(9)), TIMEOUT));
        assertFalse(n2.releaseLeader("n2", epoch, Optional.empty(), TIMEOUT));
        awaitView(
                n2,
                "the leader",
                v -> v.leader()
                        .filter(l -> l.name().equals("n1") && l.epoch() == epoch)
                        .isPresent());

        assertTrue(n1.releaseLeader("n1", epoch, Optional.of(status(6)), TIMEOUT));
        awaitView(
                n2, "the free lock", v -> v.isUnlocked() && v.status().optime().equals(new Lsn(6)));
        long next = epoch(acquire(n2, "n2"));
        assertTrue(next > epoch, "a later grant has a later epoch");
        assertEquals(new LeaseResult.Lost("n2"), n1.renewLeader("n1", epoch, store.ttl(), Optional.empty(), TIMEOUT));
        assertFalse(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
        assertEquals("n2", n2.read(TIMEOUT).leader().orElseThrow().name());
    }

    @Test
    void aRestartedHolderTakesUpItsLock() throws Exception {
        // It may take a while to come back.
        Duration longTtl = Duration.ofSeconds(60);
        long epoch = epoch(n1.acquireLeader("n1", longTtl, ANY, TIMEOUT));
        n1.touchMember(member("n1", "running"), store.ttl(), TIMEOUT);
        n1.close();
        n1 = store.connect("n1");
        await(
                TIMEOUT,
                "its own lock in the view",
                () -> n1.read(TIMEOUT).leader().isPresent());
        assertEquals(epoch, n1.read(TIMEOUT).leader().orElseThrow().epoch());
        assertEquals(epoch, epoch(n1.renewLeader("n1", epoch, longTtl, Optional.empty(), TIMEOUT)));
        n1.touchMember(member("n1", "running"), store.ttl(), TIMEOUT);
        assertEquals(1, n1.read(TIMEOUT).members().size());
    }

    @Test
    void theLockEndsATtlAfterItsLastRenewal() throws Exception {
        List<Change> heard = new CopyOnWriteArrayList<>();
        long epoch = epoch(acquire(n1, "n1"));
        awaitView(n2, "the leader", v -> v.leader().isPresent());
        Thread.sleep(store.ttl().toMillis() / 2);
        long sent = System.nanoTime();
        assertEquals(epoch, epoch(n1.renewLeader("n1", epoch, store.ttl(), Optional.empty(), TIMEOUT)));
        n2.onChange(heard::add);
        Duration latest = store.ttl().plus(store.expiresWithin());
        await(latest, "the end of the lease is heard of", () -> {
            // A renewal may be heard of as well.
            return heard.remove(Change.LEADER) && n2.read(TIMEOUT).isUnlocked();
        });
        long lasted = System.nanoTime() - sent;
        assertTrue(lasted >= store.ttl().toNanos(), "it lasted " + lasted / 1_000_000 + " ms");
        assertTrue(epoch(acquire(n2, "n2")) > epoch);
        assertEquals(new LeaseResult.Lost("n2"), n1.renewLeader("n1", epoch, store.ttl(), Optional.empty(), TIMEOUT));
    }

    @Test
    void theLockIsKeptAsLongAsItIsRenewed() throws Exception {
        long epoch = epoch(acquire(n1, "n1"));
        long end = System.nanoTime() + store.ttl().toNanos() * 2;
        while (System.nanoTime() - end < 0) {
            assertEquals(epoch, epoch(n1.renewLeader("n1", epoch, store.ttl(), Optional.empty(), TIMEOUT)));
            assertEquals(new LeaseResult.Lost("n1"), acquire(n2, "n2"));
            Thread.sleep(store.ttl().toMillis() / 3);
        }
    }

    @Test
    void aLongerTtlHoldsFromTheNextRenewalOn() throws Exception {
        long epoch = epoch(acquire(n1, "n1"));
        Duration longer = store.ttl().plus(store.expiresWithin()).plusSeconds(2);
        long sent = System.nanoTime();
        assertEquals(epoch, epoch(n1.renewLeader("n1", epoch, longer, Optional.empty(), TIMEOUT)));
        Duration without = store.ttl().plus(store.expiresWithin());
        while (System.nanoTime() - sent < without.toNanos()) {
            assertEquals(new LeaseResult.Lost("n1"), acquire(n2, "n2"));
            Thread.sleep(100);
        }
        await(
                longer.plus(store.expiresWithin()),
                "the lock ends at last",
                () -> acquire(n2, "n2") instanceof LeaseResult.Held);
        assertTrue(System.nanoTime() - sent >= longer.toNanos());
    }

    @Test
    void whoDecidedBeforeAnotherLedIsRefused() throws Exception {
        long old = n2.read(TIMEOUT).revision();
        long epoch = epoch(acquire(n1, "n1"));
        assertTrue(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
        assertEquals(new LeaseResult.Lost(""), n2.acquireLeader("n2", store.ttl(), old, TIMEOUT));
        await(
                TIMEOUT,
                "a view that shows it",
                () -> n2.acquireLeader("n2", store.ttl(), n2.read(TIMEOUT).revision(), TIMEOUT)
                        instanceof LeaseResult.Held);
    }

    @Test
    void ofManyThatAskAtOnceOneLeads() throws Exception {
        List<Dcs> clients = new ArrayList<>(List.of(n1, n2));
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Callable<LeaseResult>> attempts = new ArrayList<>();
            for (int i = 1; i <= 8; i++) {
                Dcs dcs = clients.get(i % 2);
                String name = "n" + i;
                attempts.add(() -> acquire(dcs, name));
            }
            long held = 0;
            for (var attempt : threads.invokeAll(attempts)) {
                held += attempt.get() instanceof LeaseResult.Held ? 1 : 0;
            }
            assertEquals(1, held);
        }
    }

    @Test
    void aMembersRecordVanishesATtlAfterItsLastTouch() throws Exception {
        n1.touchMember(member("n1", "running"), store.ttl(), TIMEOUT);
        n2.touchMember(member("n2", "starting"), store.ttl(), TIMEOUT);
        awaitView(
                n1,
                "both members",
                v -> v.members().equals(List.of(member("n1", "running"), member("n2", "starting"))));
        n2.touchMember(member("n2", "running"), store.ttl(), TIMEOUT);
        awaitView(n1, "the new state", v -> v.member("n2").orElseThrow().isRunning());
        long end = System.nanoTime()
                + store.ttl().multipliedBy(2).plus(store.expiresWithin()).toNanos();
        while (System.nanoTime() - end < 0 && n1.read(TIMEOUT).member("n2").isPresent()) {
            n1.touchMember(member("n1", "running"), store.ttl(), TIMEOUT);
            Thread.sleep(store.ttl().toMillis() / 5);
        }
        assertEquals(List.of(member("n1", "running")), n1.read(TIMEOUT).members());
    }

    @Test
    void whoGivesTheLockBackStaysAMember() throws Exception {
        n1.touchMember(member("n1", "running"), store.ttl(), TIMEOUT);
        long epoch = epoch(acquire(n1, "n1"));
        assertTrue(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
        assertTrue(n1.read(TIMEOUT).isUnlocked());
        assertTrue(n1.read(TIMEOUT).member("n1").isPresent());
    }

    @Test
    void aTouchedMemberDoesNotKeepItsLock() throws Exception {
        n1.touchMember(member("n1", "running"), store.ttl(), TIMEOUT);
        epoch(acquire(n1, "n1"));
        await(store.ttl().plus(store.expiresWithin()).plusSeconds(1), "the lock ends", () -> {
            n1.touchMember(member("n1", "running"), store.ttl(), TIMEOUT);
            return n2.read(TIMEOUT).isUnlocked();
        });
        assertTrue(n2.read(TIMEOUT).member("n1").isPresent());
    }

    @Test
    void onlyTheLeaderSaysWhoIsSynchronous() throws Exception {
        SyncState two = new SyncState("n1", new TreeSet<>(List.of("n2", "n3")), 1);
        SyncState one = new SyncState("n1", new TreeSet<>(List.of("n2")), 0);
        assertInstanceOf(
                WriteResult.Conflict.class, n1.writeSync("n1", 1, Optional.of(two), Expected.anything(), TIMEOUT));
        long epoch = epoch(acquire(n1, "n1"));
        long first = revision(n1.writeSync("n1", epoch, Optional.of(two), Expected.absent(), TIMEOUT));
        assertEquals(two, n1.read(TIMEOUT).sync().orElseThrow().value());
        assertInstanceOf(
                WriteResult.Conflict.class, n1.writeSync("n1", epoch, Optional.of(one), Expected.absent(), TIMEOUT));
        assertInstanceOf(
                WriteResult.Conflict.class, n2.writeSync("n2", epoch, Optional.of(one), Expected.anything(), TIMEOUT));
        long second = revision(n1.writeSync("n1", epoch, Optional.of(one), Expected.revision(first), TIMEOUT));
        assertEquals(second, n1.read(TIMEOUT).sync().orElseThrow().revision());
        assertInstanceOf(
                WriteResult.Conflict.class,
                n1.writeSync("n1", epoch, Optional.of(two), Expected.revision(first), TIMEOUT));
        assertInstanceOf(
                WriteResult.Written.class, n1.writeFailsafe("n1", epoch, Map.of("n1", "http://a/patroni"), TIMEOUT));
        assertEquals(Map.of("n1", "http://a/patroni"), n1.read(TIMEOUT).failsafe());
        assertInstanceOf(
                WriteResult.Written.class,
                n1.writeSync("n1", epoch, Optional.empty(), Expected.revision(second), TIMEOUT));
        assertTrue(n1.read(TIMEOUT).sync().isEmpty());

        assertTrue(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
        assertInstanceOf(
                WriteResult.Conflict.class, n1.writeSync("n1", epoch, Optional.of(two), Expected.anything(), TIMEOUT));
        assertInstanceOf(
                WriteResult.Conflict.class, n1.writeFailsafe("n1", epoch, Map.of("n9", "http://b/patroni"), TIMEOUT));
        assertTrue(n1.read(TIMEOUT).sync().isEmpty());
        assertEquals(Map.of("n1", "http://a/patroni"), n1.read(TIMEOUT).failsafe());
    }

    @Test
    void aRequestedFailoverIsSeenAndCleared() throws Exception {
        List<Change> heard = new CopyOnWriteArrayList<>();
        n2.read(TIMEOUT);
        n2.onChange(heard::add);
        FailoverRequest request = new FailoverRequest(
                Optional.of("n1"), Optional.of("n2"), Optional.of(Instant.parse("2030-01-02T03:04:05Z")));
        long written = revision(n1.writeFailover(Optional.of(request), Expected.anything(), TIMEOUT));
        await(TIMEOUT, "it is heard of", () -> heard.contains(Change.FAILOVER) || heard.contains(Change.RESYNC));
        awaitView(
                n2,
                "the request",
                v -> v.pendingFailover()
                        .filter(f -> f.value().equals(request) && f.revision() == written)
                        .isPresent());
        assertInstanceOf(
                WriteResult.Conflict.class,
                n2.writeFailover(Optional.empty(), Expected.revision(written + 1), TIMEOUT));
        assertInstanceOf(
                WriteResult.Written.class, n2.writeFailover(Optional.empty(), Expected.revision(written), TIMEOUT));
        awaitView(n1, "nothing pending", v -> v.pendingFailover().isEmpty());
    }

    @Test
    void whatALeaderPublishesIsReadAsItWasWritten() throws Exception {
        TimelineHistory history = new TimelineHistory(List.of(new TimelineHistory.Row(
                1,
                new Lsn(100),
                "no recovery target specified",
                Optional.of("2026-01-02T03:04:05+00:00"),
                Optional.of("n1"))));
        ClusterStatus status = new ClusterStatus(
                new Lsn(77), Map.of("n2", new Lsn(70)), List.of("n2"), Optional.of(new TimelineClaim(3, 12)));
        long epoch = epoch(acquire(n1, "n1"));
        n1.renewLeader("n1", epoch, store.ttl(), Optional.of(status), TIMEOUT);
        n1.writeHistory(history, TIMEOUT);
        awaitView(
                n2,
                "status and history",
                v -> v.status().equals(status) && v.history().equals(Optional.of(history)));
    }

    @Test
    void aClusterIsRemovedOnlyWhileNobodyLeads() throws Exception {
        long epoch = epoch(acquire(n1, "n1"));
        n1.writeInitialize("7", Expected.absent(), TIMEOUT);
        n1.writeConfig("{}", Expected.absent(), TIMEOUT);
        assertThrows(DcsException.class, () -> n2.deleteCluster(TIMEOUT));
        assertEquals("7", n1.read(TIMEOUT).initialize().orElseThrow().value());
        assertTrue(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
        n2.deleteCluster(TIMEOUT);
        awaitView(
                n1,
                "nothing left",
                v -> v.initialize().isEmpty()
                        && v.config().isEmpty()
                        && v.status().equals(ClusterStatus.NONE));
    }

    @Test
    void everyCallEndsInTimeWhileNobodyAnswersAndWorksAgainAfterwards() throws Exception {
        List<Change> heard = new CopyOnWriteArrayList<>();
        Duration longTtl = Duration.ofSeconds(60);
        long epoch = epoch(n1.acquireLeader("n1", longTtl, ANY, TIMEOUT));
        n1.touchMember(member("n1", "running"), longTtl, TIMEOUT);
        Duration brief = Duration.ofSeconds(1);
        store.freeze();
        try {
            long begun = System.nanoTime();
            assertThrows(DcsException.class, () -> n1.renewLeader("n1", epoch, longTtl, Optional.of(status(3)), brief));
            assertThrows(DcsException.class, () -> n1.writeConfig("{}", Expected.absent(), brief));
            assertThrows(DcsException.class, () -> n1.touchMember(member("n1", "stopped"), longTtl, brief));
            long took = (System.nanoTime() - begun) / 1_000_000;
            assertTrue(took < 6_000, "three calls of a second each took " + took + " ms");
            // An old copy may be shown for as long as the retry timeout lets it.
            await(Duration.ofSeconds(15), "an old view is not shown any more", () -> {
                try {
                    n1.read(brief);
                    return false;
                } catch (DcsException gone) {
                    return true;
                }
            });
        } finally {
            store.thaw();
        }
        await(
                Duration.ofSeconds(20),
                "the holder goes on",
                () -> n1.renewLeader("n1", epoch, longTtl, Optional.of(status(4)), TIMEOUT)
                        .equals(new LeaseResult.Held(epoch)));
        assertEquals(new Lsn(4), n1.read(TIMEOUT).status().optime());
        assertTrue(n1.read(TIMEOUT).member("n1").isPresent());
        n2.onChange(heard::add);
        await(Duration.ofSeconds(20), "changes are heard of again", () -> {
            n1.writeConfig("{\"at\":" + System.nanoTime() + "}", Expected.anything(), TIMEOUT);
            return heard.contains(Change.CONFIG);
        });
    }

    @Test
    void whoHeardNothingOfAWriteLearnsWithItsNextRenewalWhetherItHappened() throws Exception {
        Duration longTtl = Duration.ofSeconds(60);
        long epoch = epoch(n1.acquireLeader("n1", longTtl, ANY, TIMEOUT));
        n1.read(TIMEOUT);
        SyncState one = new SyncState("n1", new TreeSet<>(List.of("n2")), 0);
        store.freeze();
        try {
            assertThrows(
                    DcsException.class,
                    () -> n1.writeSync("n1", epoch, Optional.of(one), Expected.absent(), Duration.ofSeconds(1)));
            assertThrows(
                    DcsException.class, () -> n1.releaseLeader("n1", epoch, Optional.empty(), Duration.ofSeconds(1)));
        } finally {
            store.thaw();
        }
        Sample.await(Duration.ofSeconds(20), "the store answers", () -> n1.read(TIMEOUT) != null);
        LeaseResult renewed = n1.renewLeader("n1", epoch, longTtl, Optional.empty(), TIMEOUT);
        var sync = n1.read(TIMEOUT).sync();
        Thread.sleep(1000);
        ClusterView later = n1.read(TIMEOUT);
        assertEquals(sync, later.sync(), "what the renewal did not show never happens");
        assertEquals(renewed instanceof LeaseResult.Held, later.leader().isPresent(), "nor is the lock given back");
    }
}
