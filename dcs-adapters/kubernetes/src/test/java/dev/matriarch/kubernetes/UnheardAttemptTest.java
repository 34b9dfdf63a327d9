package dev.matriarch.kubernetes;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.WriteResult;
import io.fabric8.mockwebserver.dsl.HttpMethod;
import io.fabric8.mockwebserver.http.Dispatcher;
import io.fabric8.mockwebserver.http.RecordedRequest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A first attempt of a change hangs somewhere, and a second one of the same call is refused: the first may still be carried out. */
class UnheardAttemptTest {
    private static final long ANY = Long.MAX_VALUE;
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final SyncState N3 = new SyncState("n1", new TreeSet<>(List.of("n3")), 0);

    private static ApiServers server;
    private static int clusters;

    private final AtomicReference<RecordedRequest> held = new AtomicReference<>();
    private final AtomicReference<Dispatcher> later = new AtomicReference<>();
    private MockCluster cluster;
    private Dcs n1;

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
        cluster = new MockCluster(server, "u" + clusters++, true);
        n1 = cluster.connect("n1");
    }

    @AfterEach
    void disconnect() throws Exception {
        server.noFault();
        for (AutoCloseable part : new AutoCloseable[] {n1, cluster}) {
            if (part != null) {
                part.close();
            }
        }
    }

    private static boolean isPatchOf(RecordedRequest request, String name) {
        return request.getMethod().equals("PATCH") && request.getPath().endsWith("/endpoints/" + name);
    }

    /** The first patch of this object is kept, the next ones get this code. */
    private void keepOneAndRefuse(String name, int code) {
        server.fault((request, real) -> {
            if (!isPatchOf(request, name)) {
                return Optional.empty();
            }
            if (held.compareAndSet(null, request)) {
                later.set(real);
                return Optional.of(ApiServers.status(504, "still on its way"));
            }
            return Optional.of(ApiServers.status(code, "refused on purpose"));
        });
    }

    private int deliver() {
        return later.get().dispatch(held.get()).code();
    }

    private String mark() throws Exception {
        return cluster.annotations(cluster.settings.syncName()).get(SyncObject.MARK);
    }

    /** A lock that n1 held and gave back: nothing of n1 is on its way. */
    private void leadOnce() throws DcsException {
        long epoch = epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        assertTrue(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
    }

    @Test
    void theSynchronousListOfAnAttemptBeforeARefusalIsOverAfterTheNextRenewal() throws Exception {
        long epoch = epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        for (int code : List.of(403, 401)) {
            held.set(null);
            keepOneAndRefuse(cluster.settings.syncName(), code);
            DcsException e = assertThrows(
                    DcsException.class, () -> n1.writeSync("n1", epoch, Optional.of(N3), Expected.anything(), TIMEOUT));
            assertTrue(e.getMessage().contains("refused on purpose"), e.getMessage());
            server.noFault();
            assertEquals(new LeaseResult.Held(epoch), n1.renewLeader("n1", epoch, LONG, Optional.empty(), TIMEOUT));
            assertEquals(409, deliver(), "the attempt before the " + code);
            assertTrue(n1.read(TIMEOUT).sync().isEmpty());
        }
    }

    @Test
    void aRefusalOfTheOnlyAttemptAsksForNoMark() throws Exception {
        long epoch = epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        String before = mark();
        server.fault((request, real) -> isPatchOf(request, cluster.settings.syncName())
                ? Optional.of(ApiServers.status(403, "refused on purpose"))
                : Optional.empty());
        assertThrows(
                DcsException.class, () -> n1.writeSync("n1", epoch, Optional.of(N3), Expected.anything(), TIMEOUT));
        server.noFault();
        n1.renewLeader("n1", epoch, LONG, Optional.empty(), TIMEOUT);
        assertEquals(before, mark());
    }

    @Test
    void aLockThatIsGivenAfterARefusalIsMarkedBeforeItIsKept() throws Exception {
        leadOnce();
        String before = mark();
        keepOneAndRefuse(cluster.settings.leaderName(), 400);
        assertThrows(DcsException.class, () -> n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        server.noFault();
        assertEquals(200, deliver(), "the lock was free all the time");
        epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        assertNotEquals(before, mark());
    }

    /** The first attempt is carried out unheard of, the second gets 409, and what is there now may not be seen. */
    @Test
    void aLockThatWasGivenButMayNotBeSeenIsMarkedBeforeItIsKept() throws Exception {
        leadOnce();
        String before = mark();
        String lock = cluster.settings.leaderName();
        AtomicInteger attempts = new AtomicInteger();
        server.fault((request, real) -> {
            if (isPatchOf(request, lock) && attempts.getAndIncrement() == 0) {
                real.dispatch(request);
                return Optional.of(ApiServers.status(504, "carried out, but who knows"));
            }
            return request.getMethod().equals("GET") && request.getPath().endsWith("/endpoints/" + lock)
                    ? Optional.of(ApiServers.status(403, "refused on purpose"))
                    : Optional.empty();
        });
        assertThrows(DcsException.class, () -> n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        assertEquals(2, attempts.get());
        server.noFault();
        epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        assertNotEquals(before, mark());
    }

    /** Nothing of n1 was under way when n2's equal write was there already. */
    @Test
    void anEqualWriteOfSomebodyElseIsNotOnesOwn() throws Exception {
        AtomicInteger attempts = new AtomicInteger();
        server.fault((request, real) -> {
            if (request.getMethod().equals("POST")
                    && request.getPath().endsWith("/endpoints")
                    && attempts.getAndIncrement() == 0) {
                // As if it were n2's.
                real.dispatch(request);
                return Optional.of(ApiServers.status(409, "already exists"));
            }
            return Optional.empty();
        });
        assertEquals(new WriteResult.Conflict(), n1.writeInitialize("", Expected.absent(), TIMEOUT));
        assertEquals(1, cluster.objects.list(MockCluster.soon()).byName().size());
    }

    /** The first patch of the lock is carried out unheard of, and then somebody else writes this leader. @param leader as JSON */
    private void carryOutOneAndThen(String leader) {
        String lock = cluster.settings.leaderName();
        AtomicInteger attempts = new AtomicInteger();
        server.fault((request, real) -> {
            if (!isPatchOf(request, lock) || attempts.getAndIncrement() > 0) {
                return Optional.empty();
            }
            real.dispatch(request);
            real.dispatch(ApiServers.as(
                    request, HttpMethod.PATCH, "{\"metadata\":{\"annotations\":{\"leader\":" + leader + "}}}"));
            return Optional.of(ApiServers.status(504, "carried out, but who knows"));
        });
    }

    @Test
    void aRenewalThatArrivedBeforeTheLockWasTakenAwayIsNone() throws Exception {
        long epoch = epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        carryOutOneAndThen("null");
        assertEquals(new LeaseResult.Lost(""), n1.renewLeader("n1", epoch, LONG, Optional.empty(), TIMEOUT));
    }

    @Test
    void anEqualTextUnderAnotherLeaderIsNotThisOnes() throws Exception {
        long epoch = epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
        carryOutOneAndThen("\"n2\"");
        assertEquals(new WriteResult.Conflict(), n1.writeFailsafe("n1", epoch, Map.of("n1", "http://n1/"), TIMEOUT));
    }
}
