package dev.matriarch.etcd;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.revision;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.etcd.Door.Reply;
import dev.matriarch.etcd.Door.Request;
import dev.matriarch.etcd.EtcdCluster.Again;
import dev.matriarch.etcd.EtcdV2Api.If;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real etcd behind its v2 API, whose answers are lost on their way, and that gets requests later than they were sent. */
@Tag("slow")
class EtcdV2LateTest {
    private static final Duration TTL = Duration.ofSeconds(60);
    private static final Duration BRIEF = Duration.ofSeconds(1);
    private static final long ANY = Long.MAX_VALUE;
    private static final SyncState SYNC = new SyncState("n1", new TreeSet<>(List.of("n2")), 0);

    @TempDir
    static Path dir;

    private static EtcdServers etcd;
    private static int clusters;

    private interface Meanwhile {
        void happens() throws Exception;
    }

    private final List<Request> heldUp = new CopyOnWriteArrayList<>();
    private volatile Predicate<Request> holdUp = request -> false;
    private volatile Predicate<Request> loseAnswer = request -> false;
    private volatile Predicate<Request> after = request -> false;
    private volatile Meanwhile meanwhile = () -> {};
    private String base;
    private Door door;
    private EtcdV2Dcs n1;
    private EtcdV2Dcs n2;
    private EtcdV2Api raw;

    @BeforeAll
    static void startEtcd() throws Exception {
        etcd = EtcdServers.start(dir.resolve("etcd"), 1, "http", EtcdServers.V2);
    }

    @AfterAll
    static void stopEtcd() throws Exception {
        if (etcd != null) {
            etcd.close();
        }
    }

    /** The first member behind the door, the second one on a way of its own. */
    @BeforeEach
    void start() throws Exception {
        String scope = "late" + clusters++;
        base = "/service/" + scope + "/";
        door = new Door(this::answer);
        n1 = new EtcdV2Dcs(Door.settings(scope, door.address()));
        n2 = new EtcdV2Dcs(Door.settings(scope, etcd.address(0)));
        raw = new EtcdV2Api(Door.settings(scope, etcd.address(0)));
    }

    @AfterEach
    void stop() {
        n1.close();
        n2.close();
        raw.close();
        door.close();
    }

    private Optional<Reply> answer(Request request) throws Exception {
        if (request.path().contains("wait=true")) {
            return Optional.empty();
        }
        if (holdUp.test(request)) {
            heldUp.add(request);
            return Optional.of(new Reply(502, "<html>Bad Gateway</html>"));
        }
        Optional<Reply> reply = Door.pass(etcd.address(0), request);
        if (after.test(request)) {
            after = other -> false;
            meanwhile.happens();
        }
        if (loseAnswer.test(request)) {
            loseAnswer = other -> false;
            return Optional.empty();
        }
        return reply;
    }

    private Predicate<Request> writes(String key) {
        return request -> !request.method().equals("GET") && request.path().startsWith("/v2/keys" + base + key);
    }

    private boolean arrivesNow(Request request) throws Exception {
        int status = Door.pass(etcd.address(0), request).orElseThrow().status();
        assertTrue(List.of(200, 201, 404, 412).contains(status), "HTTP " + status);
        return status < 300;
    }

    private void put(String key, String value) throws Exception {
        assertTrue(raw.put(base + key, value, 0, new If.Always(), Again.ALLOWED, new Budget(TIMEOUT))
                .done());
    }

    private Optional<KeyTree.Entry> key(String name) throws Exception {
        return raw.tree(base, new Budget(TIMEOUT)).entry(name);
    }

    private boolean isLed() {
        try {
            return key("leader").isPresent();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private void takeAway(String key) throws Exception {
        assertTrue(raw.delete(
                        base + key,
                        new If.Unchanged(key(key).orElseThrow().modified()),
                        Again.ALLOWED,
                        new Budget(TIMEOUT))
                .done());
    }

    private LeaseResult acquire(EtcdV2Dcs dcs, String member, Duration timeout) throws DcsException {
        return dcs.acquireLeader(member, TTL, ANY, timeout);
    }

    private LeaseResult renew(long epoch) throws DcsException {
        return n1.renewLeader("n1", epoch, TTL, Optional.empty(), TIMEOUT);
    }

    @Test
    void aLockWhoseAnswersWereLostIsFoundAndConfirmed() throws Exception {
        for (String request : List.of("prevExist=false", "prevIndex")) {
            loseAnswer = writes("leader").and(r -> r.body().contains(request));
            long epoch = epoch(acquire(n1, "n1", TIMEOUT));
            assertEquals(epoch, key("leader").orElseThrow().created());
            assertEquals(new LeaseResult.Held(epoch), renew(epoch));
            assertTrue(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
        }
        long epoch = epoch(acquire(n1, "n1", TIMEOUT));
        loseAnswer = writes("leader");
        assertEquals(new LeaseResult.Held(epoch), renew(epoch), "nor is a renewal taken for a loss");
    }

    @Test
    void aKeyThatIsCreatedLateIsNoLock() throws Exception {
        holdUp = writes("leader");
        assertThrows(DcsException.class, () -> acquire(n1, "n1", BRIEF));
        holdUp = request -> false;
        long other = epoch(acquire(n2, "n2", TIMEOUT));
        assertTrue(n2.releaseLeader("n2", other, Optional.empty(), TIMEOUT));
        assertTrue(arrivesNow(heldUp.getFirst()));
        long late = n1.read(TIMEOUT).leader().orElseThrow().epoch();
        assertEquals(new LeaseResult.Lost(""), renew(late));
        assertTrue(key("leader").isEmpty(), "it is given back");
    }

    @Test
    void aKeyThatIsCreatedLateIsNotConfirmedByWhatWasDecidedBefore() throws Exception {
        long decidedOn = n1.read(TIMEOUT).revision();
        holdUp = writes("leader");
        assertThrows(DcsException.class, () -> n1.acquireLeader("n1", TTL, decidedOn, BRIEF));
        holdUp = request -> false;
        long other = epoch(acquire(n2, "n2", TIMEOUT));
        assertTrue(n2.releaseLeader("n2", other, Optional.empty(), TIMEOUT));
        assertTrue(arrivesNow(heldUp.getFirst()));
        assertEquals(new LeaseResult.Lost(""), n1.acquireLeader("n1", TTL, decidedOn, TIMEOUT));
        assertTrue(key("leader").isEmpty(), "it is given back");
        assertInstanceOf(
                LeaseResult.Held.class,
                n1.acquireLeader("n1", TTL, n1.read(TIMEOUT).revision(), TIMEOUT));
    }

    /** Who is synchronous says who may lead: a candidate that has not seen the last word of it does not. */
    @Test
    void whoeverWritesWhileTheLockIsTakenKeepsItFromBeingTaken() throws Exception {
        for (String book : List.of("sync", "failsafe", "status")) {
            long decidedOn = n1.read(TIMEOUT).revision();
            put(book, "{}");
            if (!book.equals("failsafe")) {
                assertEquals(new LeaseResult.Lost(""), n1.acquireLeader("n1", TTL, decidedOn, TIMEOUT), book);
            }
            after = request -> request.method().equals("GET") && isLed();
            meanwhile = () -> put(book, "{ }");
            assertEquals(new LeaseResult.Lost(""), acquire(n1, "n1", TIMEOUT), book);
            assertTrue(key("leader").isEmpty(), "it is given back");
        }
        assertInstanceOf(LeaseResult.Held.class, acquire(n1, "n1", TIMEOUT));
    }

    @Test
    void aWriteThatAProxyGaveUpIsRefusedAfterTheNextRenewal() throws Exception {
        long epoch = epoch(acquire(n1, "n1", TIMEOUT));
        assertInstanceOf(WriteResult.Written.class, n1.writeFailsafe("n1", epoch, Map.of(), TIMEOUT));
        holdUp = writes("sync").and(r -> r.body().contains("prevIndex"));
        assertThrows(DcsException.class, () -> n1.writeSync("n1", epoch, Optional.of(SYNC), Expected.absent(), BRIEF));
        holdUp = request -> false;
        assertEquals(1, heldUp.size(), "it is not sent twice");
        assertEquals(new LeaseResult.Held(epoch), renew(epoch));
        assertFalse(arrivesNow(heldUp.getFirst()), "the renewal has settled it");
        assertTrue(n1.read(TIMEOUT).sync().isEmpty());
    }

    @Test
    void whatAnEarlierProcessOfThisNameHasUnderWayIsRefusedAfterTheFirstRenewal() throws Exception {
        long epoch = epoch(acquire(n1, "n1", TIMEOUT));
        holdUp = writes("sync").and(r -> r.body().contains("prevIndex"));
        assertThrows(DcsException.class, () -> n1.writeSync("n1", epoch, Optional.of(SYNC), Expected.absent(), BRIEF));
        try (EtcdV2Dcs again = new EtcdV2Dcs(Door.settings(base.split("/")[2], etcd.address(0)))) {
            assertEquals(new LeaseResult.Held(epoch), again.renewLeader("n1", epoch, TTL, Optional.empty(), TIMEOUT));
        }
        assertFalse(arrivesNow(heldUp.getFirst()));
    }

    @Test
    void whatAnEarlierLeaderHasUnderWayIsRefusedOnceAnotherLeads() throws Exception {
        long epoch = epoch(acquire(n1, "n1", TIMEOUT));
        long first = revision(n1.writeSync("n1", epoch, Optional.of(SYNC), Expected.absent(), TIMEOUT));
        SyncState none = new SyncState("n1", new TreeSet<>(), 0);
        holdUp = writes("sync").or(writes("status"));
        assertThrows(
                DcsException.class,
                () -> n1.writeSync("n1", epoch, Optional.of(none), Expected.revision(first), BRIEF));
        assertThrows(
                DcsException.class,
                () -> n1.renewLeader(
                        "n1", epoch, TTL, Optional.of(new ClusterStatus(new Lsn(7), Map.of(), List.of())), BRIEF));
        takeAway("leader");
        long next = epoch(acquire(n2, "n2", TIMEOUT));
        assertTrue(heldUp.size() >= 2, heldUp.toString());
        for (Request late : heldUp) {
            assertFalse(arrivesNow(late), late.toString());
        }
        assertEquals(SYNC, n2.read(TIMEOUT).sync().orElseThrow().value());
        // The index has moved, but nobody else has written: what the new leader saw before is still good enough.
        assertTrue(n2.read(TIMEOUT).sync().orElseThrow().revision() > first);
        assertInstanceOf(
                WriteResult.Written.class,
                n2.writeSync("n2", next, Optional.of(none), Expected.revision(first), TIMEOUT));
        assertInstanceOf(
                WriteResult.Conflict.class,
                n2.writeSync("n2", next, Optional.of(SYNC), Expected.revision(first), TIMEOUT));
    }

    /** A key that the next leader does not find it cannot change. */
    @Test
    void whoLosesTheLockWhileItMakesAKeyWritesNothingIntoIt() throws Exception {
        long epoch = epoch(acquire(n1, "n1", TIMEOUT));
        after = writes("sync").and(r -> r.body().contains("prevExist=false"));
        meanwhile = () -> {
            takeAway("leader");
            epoch(acquire(n2, "n2", TIMEOUT));
        };
        assertInstanceOf(
                WriteResult.Conflict.class, n1.writeSync("n1", epoch, Optional.of(SYNC), Expected.absent(), TIMEOUT));
        assertTrue(n2.read(TIMEOUT).sync().isEmpty());
    }

    @Test
    void aReleaseThatIsHeldUpIsRefusedAfterTheNextRenewal() throws Exception {
        long epoch = epoch(acquire(n1, "n1", TIMEOUT));
        holdUp = writes("leader");
        assertThrows(DcsException.class, () -> n1.releaseLeader("n1", epoch, Optional.empty(), BRIEF));
        holdUp = request -> false;
        assertEquals(new LeaseResult.Held(epoch), renew(epoch));
        assertFalse(arrivesNow(heldUp.getFirst()));
    }

    @Test
    void aClaimIsTakenBackOnceAndOnlyAClaim() throws Exception {
        assertInstanceOf(WriteResult.Written.class, n1.writeInitialize("", Expected.absent(), TIMEOUT));
        n1.read(TIMEOUT);
        holdUp = writes("initialize");
        assertThrows(DcsException.class, () -> n1.deleteInitialize(BRIEF));
        holdUp = request -> false;
        n1.deleteInitialize(TIMEOUT);
        assertTrue(n1.read(TIMEOUT).initialize().isEmpty());
        long claimed = revision(n2.writeInitialize("", Expected.absent(), TIMEOUT));
        for (Request late : heldUp) {
            assertFalse(arrivesNow(late), "another's claim is not taken back");
        }
        assertInstanceOf(WriteResult.Written.class, n2.writeInitialize("7", Expected.revision(claimed), TIMEOUT));
        n1.read(TIMEOUT);
        n1.deleteInitialize(TIMEOUT);
        assertEquals("7", n2.read(TIMEOUT).initialize().orElseThrow().value(), "it is no claim any more");
    }

    @Test
    void aRemovalThatIsHeldUpRemovesNothingThatWasWrittenLater() throws Exception {
        put("config", "{}");
        put("members/n3", "{}");
        holdUp = writes("config");
        assertThrows(DcsException.class, () -> n1.deleteCluster(BRIEF));
        holdUp = request -> false;
        assertEquals("(being removed)", key("leader").orElseThrow().value());
        assertInstanceOf(LeaseResult.Lost.class, acquire(n2, "n2", TIMEOUT), "nobody leads meanwhile");
        n1.deleteCluster(TIMEOUT);
        assertEquals(
                List.of(),
                List.copyOf(raw.tree(base, new Budget(TIMEOUT)).entries().keySet()));
        put("config", "{\"ttl\":30}");
        for (Request late : heldUp) {
            assertFalse(arrivesNow(late), late.toString());
        }
        assertEquals("{\"ttl\":30}", key("config").orElseThrow().value());
    }
}
