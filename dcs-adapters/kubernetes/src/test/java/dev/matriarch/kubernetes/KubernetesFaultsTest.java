package dev.matriarch.kubernetes;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineClaim;
import dev.matriarch.dcs.WriteResult;
import io.fabric8.mockwebserver.http.RecordedRequest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What an API server may do to a leader, and what the adapter makes of it. */
@Tag("slow")
class KubernetesFaultsTest {
    private static final long ANY = Long.MAX_VALUE;
    private static final Duration LONG = Duration.ofSeconds(60);

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
        cluster = new MockCluster(server, "f" + clusters++, true);
        n1 = cluster.connect("n1");
        n2 = cluster.connect("n2");
        server.asked.clear();
    }

    @AfterEach
    void disconnect() throws Exception {
        server.noFault();
        for (AutoCloseable part : new AutoCloseable[] {n1, n2, cluster}) {
            if (part != null) {
                part.close();
            }
        }
    }

    private long lead() throws DcsException {
        return epoch(n1.acquireLeader("n1", LONG, ANY, TIMEOUT));
    }

    private LeaseResult renew(long epoch) throws DcsException {
        return n1.renewLeader("n1", epoch, LONG, Optional.empty(), TIMEOUT);
    }

    private boolean changesTheLock(RecordedRequest request) {
        return !request.getMethod().equals("GET")
                && request.getPath().endsWith("/endpoints/" + cluster.settings.leaderName());
    }

    /** The first attempts to change the lock get this code; from then on all goes on. */
    private void refuse(int times, int code) {
        AtomicInteger left = new AtomicInteger(times);
        server.fault((request, real) -> changesTheLock(request) && left.getAndDecrement() > 0
                ? Optional.of(ApiServers.status(code, "on purpose"))
                : Optional.empty());
    }

    @Test
    void aServersTroubleIsAskedAgainWithinTheTimeOfTheCall() throws Exception {
        long epoch = lead();
        for (int code : List.of(500, 503, 504, 429, 403)) {
            refuse(2, code);
            assertEquals(new LeaseResult.Held(epoch), renew(epoch), "after two answers of " + code);
        }
    }

    @Test
    void troubleThatLastsIsAnUnknownOutcomeAndNeverALostLock() throws Exception {
        long epoch = lead();
        for (int code : List.of(503, 403)) {
            refuse(1000, code);
            long begun = System.nanoTime();
            assertThrows(
                    DcsException.class,
                    () -> n1.renewLeader("n1", epoch, LONG, Optional.empty(), Duration.ofSeconds(1)));
            assertTrue(System.nanoTime() - begun < 10_000_000_000L);
        }
        assertTrue(n1.health().contains("ok"), n1.health());
        server.noFault();
        assertEquals(new LeaseResult.Held(epoch), renew(epoch));
    }

    @Test
    void aRenewalThatArrivedUnheardOfIsRecognised() throws Exception {
        long epoch = lead();
        AtomicInteger left = new AtomicInteger(1);
        server.fault((request, real) -> {
            if (changesTheLock(request) && left.getAndDecrement() > 0) {
                real.dispatch(request);
                return Optional.of(ApiServers.status(504, "carried out, but who knows"));
            }
            return Optional.empty();
        });
        assertEquals(new LeaseResult.Held(epoch), renew(epoch));
        assertEquals("n1", n2.read(TIMEOUT).leader().orElseThrow().name());
    }

    @Test
    void aLockThatWasGivenUnheardOfIsFoundAndKept() throws Exception {
        AtomicInteger left = new AtomicInteger(1);
        server.fault((request, real) -> {
            if (request.getMethod().equals("POST")
                    && request.getPath().endsWith("/endpoints")
                    && left.getAndDecrement() > 0) {
                real.dispatch(request);
                return Optional.of(ApiServers.status(500, "carried out, but who knows"));
            }
            return Optional.empty();
        });
        long epoch = lead();
        assertEquals(new LeaseResult.Held(epoch), renew(epoch));
        assertEquals(new LeaseResult.Lost("n1"), n2.acquireLeader("n2", LONG, ANY, TIMEOUT));
    }

    @Test
    void whatSomebodyElseChangedIsLookedAtAndNotOverwritten() throws Exception {
        long epoch = lead();
        cluster.annotate(cluster.settings.leaderName(), Map.of("note", "by hand"));
        assertEquals(new LeaseResult.Held(epoch), renew(epoch), "a conflict about nothing of ours");
        assertEquals(
                "by hand", cluster.annotations(cluster.settings.leaderName()).get("note"));
        cluster.annotate(cluster.settings.leaderName(), Map.of("leader", "n2"));
        assertEquals(new LeaseResult.Lost("n2"), renew(epoch));
        assertFalse(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
        assertEquals("n2", cluster.annotations(cluster.settings.leaderName()).get("leader"));
    }

    /** n1 says who is synchronous; the proxy says 504, and passes it on only when n2 leads. */
    @Test
    void aDeposedLeadersWordOfTheSynchronousArrivesTooLate() throws Exception {
        long epoch = epoch(n1.acquireLeader("n1", cluster.ttl(), ANY, TIMEOUT));
        String sync = "/endpoints/" + cluster.settings.syncName();
        AtomicReference<RecordedRequest> held = new AtomicReference<>();
        AtomicReference<io.fabric8.mockwebserver.http.Dispatcher> later = new AtomicReference<>();
        server.fault((request, real) -> {
            if (!request.getMethod().equals("GET")
                    && request.getPath().endsWith(sync)
                    && held.compareAndSet(null, request)) {
                later.set(real);
                return Optional.of(ApiServers.status(504, "still on its way"));
            }
            return request.getPath().endsWith(sync)
                            && request.getMethod().equals("PATCH")
                            && later.get() != null
                            && held.get() != null
                            && request.getBody().readUtf8().contains("sync_standby")
                    ? Optional.of(ApiServers.status(504, "nor this one"))
                    : Optional.empty();
        });
        SyncState state = new SyncState("n1", new TreeSet<>(List.of("n3")), 0);
        await(Duration.ofSeconds(60), "the write is on its way", () -> {
            assertThrows(
                    DcsException.class,
                    () -> n1.writeSync("n1", epoch, Optional.of(state), Expected.anything(), Duration.ofSeconds(1)));
            return held.get() != null;
        });
        server.noFault();
        await(
                Duration.ofSeconds(30),
                "n2 leads",
                () -> n2.acquireLeader("n2", LONG, n2.read(TIMEOUT).revision(), TIMEOUT) instanceof LeaseResult.Held);
        assertEquals(409, later.get().dispatch(held.get()).code(), "the write that was held up");
        assertTrue(n2.read(TIMEOUT).sync().isEmpty());
    }

    @Test
    void aWriteOfTheLeaderThatWasHeldUpIsRefusedAfterItsNextRenewal() throws Exception {
        long epoch = lead();
        AtomicReference<RecordedRequest> held = new AtomicReference<>();
        AtomicReference<io.fabric8.mockwebserver.http.Dispatcher> later = new AtomicReference<>();
        server.fault((request, real) -> {
            if (changesTheLock(request)) {
                held.compareAndSet(null, request);
                later.set(real);
                return Optional.of(ApiServers.status(504, "still on its way"));
            }
            return Optional.empty();
        });
        await(Duration.ofSeconds(60), "the write is on its way", () -> {
            assertThrows(
                    DcsException.class, () -> n1.releaseLeader("n1", epoch, Optional.empty(), Duration.ofMillis(500)));
            return held.get() != null;
        });
        server.noFault();
        assertEquals(new LeaseResult.Held(epoch), renew(epoch));
        assertEquals(409, later.get().dispatch(held.get()).code());
        assertEquals("n1", n2.read(TIMEOUT).leader().orElseThrow().name());
    }

    @Test
    void aWatchThatIsDroppedOrTooOldIsBegunAnew() throws Exception {
        List<Change> heard = new CopyOnWriteArrayList<>();
        n2.onChange(heard::add);
        await(TIMEOUT, "the watch is open", () -> {
            n1.writeConfig("{\"at\":" + System.nanoTime() + "}", Expected.anything(), TIMEOUT);
            return heard.contains(Change.CONFIG);
        });
        for (Runnable fault : List.<Runnable>of(server::dropWatches, server::forgetThePast)) {
            fault.run();
            heard.clear();
            await(TIMEOUT, "changes are heard of again", () -> {
                n1.writeConfig("{\"at\":" + System.nanoTime() + "}", Expected.anything(), TIMEOUT);
                return heard.contains(Change.CONFIG);
            });
        }
    }

    /** As when the API server's host dies hard, or something between forgets the connection: nobody says that it is over. */
    @Test
    void aWatchThatDiedSilentlyIsBegunAnew() throws Exception {
        List<Change> heard = new CopyOnWriteArrayList<>();
        try (KubernetesDcs n3 = new KubernetesDcs(cluster.settings, Duration.ofMillis(500))) {
            n3.onChange(heard::add);
            await(TIMEOUT, "the watch is open", () -> {
                n1.writeConfig("{\"at\":" + System.nanoTime() + "}", Expected.anything(), TIMEOUT);
                return heard.contains(Change.CONFIG);
            });
            server.muteWatches();
            heard.clear();
            n1.writeConfig("{}", Expected.anything(), TIMEOUT);
            n3.read(TIMEOUT);
            await(TIMEOUT, "the watch is begun anew", () -> heard.contains(Change.RESYNC));
            heard.clear();
            await(TIMEOUT, "changes are heard of again", () -> {
                n1.writeConfig("{\"at\":" + System.nanoTime() + "}", Expected.anything(), TIMEOUT);
                return heard.contains(Change.CONFIG);
            });
        }
    }

    @Test
    void annotationsLabelsAndSubsetsAreThoseOfPatroni() throws Exception {
        long epoch = lead();
        ClusterStatus status = new ClusterStatus(
                new Lsn(88080640), Map.of("n2", new Lsn(70)), List.of("n2"), Optional.of(new TimelineClaim(3, epoch)));
        n1.renewLeader("n1", epoch, LONG, Optional.of(status), TIMEOUT);
        String name = cluster.settings.leaderName();
        assertEquals(cluster.settings.scope(), name);
        Map<String, String> lock = cluster.annotations(name);
        assertEquals("n1", lock.get("leader"));
        assertEquals("60", lock.get("ttl"));
        assertEquals("0", lock.get("transitions"));
        assertEquals("88080640", lock.get("optime"));
        assertEquals("{\"n2\":70}", lock.get("slots"));
        assertEquals("[\"n2\"]", lock.get("retain_slots"));
        for (String time : List.of("acquireTime", "renewTime")) {
            assertTrue(
                    lock.get(time).matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}\\+00:00|.*Z"),
                    lock.get(time));
        }
        KubeObject object = cluster.objects.get(name, MockCluster.soon()).orElseThrow();
        assertEquals(Map.of("application", "patroni", "cluster-name", cluster.settings.scope()), object.labels());
        assertEquals("10.0.0.1", object.whole().at("/subsets/0/addresses/0/ip").asText());
        assertEquals(5432, object.whole().at("/subsets/0/ports/0/port").asInt());
        assertEquals("postgresql", object.whole().at("/subsets/0/ports/0/name").asText());

        n1.touchMember(member("n1", "running"), LONG, TIMEOUT);
        assertEquals("primary", label("n1", "role"));
        n2.touchMember(member("n2", "running"), LONG, TIMEOUT);
        assertEquals("replica", label("n2", "role"));
        n2.touchMember(member("n2", "starting"), LONG, TIMEOUT);
        assertEquals(null, label("n2", "role"));

        SyncState sync = new SyncState("n1", new TreeSet<>(List.of("n3", "n2")), 1);
        n1.writeSync("n1", epoch, Optional.of(sync), Expected.absent(), TIMEOUT);
        Map<String, String> written = cluster.annotations(cluster.settings.scope() + "-sync");
        assertEquals("n2,n3", written.get("sync_standby"));
        assertEquals("1", written.get("quorum"));
        n1.writeFailover(
                Optional.of(new FailoverRequest(Optional.of("n1"), Optional.of("n2"), Optional.empty())),
                Expected.anything(),
                TIMEOUT);
        assertEquals(
                Map.of("leader", "n1", "member", "n2"), cluster.annotations(cluster.settings.scope() + "-failover"));
        n1.writeInitialize("7", Expected.absent(), TIMEOUT);
        assertEquals(
                "7", cluster.annotations(cluster.settings.scope() + "-config").get("initialize"));
        for (String headless : List.of("-config", "-sync")) {
            assertTrue(
                    server.asked.stream()
                            .anyMatch(r ->
                                    r.getMethod().equals("POST") && r.getPath().endsWith("/services")),
                    headless);
        }

        assertTrue(n1.releaseLeader("n1", epoch, Optional.empty(), TIMEOUT));
        KubeObject free = cluster.objects.get(name, MockCluster.soon()).orElseThrow();
        assertTrue(free.annotation("leader").isEmpty());
        assertTrue(free.whole().path("subsets").isEmpty(), "nobody is published");
        epoch(n2.acquireLeader("n2", LONG, ANY, TIMEOUT));
        assertEquals("1", cluster.annotations(name).get("transitions"));
    }

    private String label(String pod, String key) throws Exception {
        return cluster.pods.get(pod, MockCluster.soon()).orElseThrow().labels().get(key);
    }

    @Test
    void aMemberWithoutAPodOfItsNameIsToldSo() throws Exception {
        DcsException e =
                assertThrows(DcsException.class, () -> n1.touchMember(member("elsewhere", "running"), LONG, TIMEOUT));
        assertTrue(e.getMessage().startsWith("There is no pod elsewhere in namespace "), e.getMessage());
    }

    @Test
    void theRightToReadIsMissedByNameAndAtOnce() throws Exception {
        server.fault((request, real) -> Optional.of(ApiServers.status(403, "pods is forbidden")));
        long begun = System.nanoTime();
        DcsException e = assertThrows(DcsException.class, () -> n1.read(TIMEOUT));
        assertTrue(e.getMessage().contains("pods is forbidden"), e.getMessage());
        assertTrue(System.nanoTime() - begun < TIMEOUT.toNanos() / 2);
    }

    @Test
    void whatIsNoApiServerDecidesNothing() throws Exception {
        long epoch = lead();
        server.fault((request, real) -> Optional.of(new io.fabric8.mockwebserver.http.MockResponse()
                .setResponseCode(200)
                .setBody("<html>It works!</html>")));
        assertThrows(DcsException.class, () -> n1.read(TIMEOUT));
        assertThrows(DcsException.class, () -> renew(epoch));
        assertThrows(DcsException.class, () -> n2.acquireLeader("n2", LONG, ANY, TIMEOUT));
        server.noFault();
        assertEquals(new LeaseResult.Held(epoch), renew(epoch));
    }

    @Test
    void aConfigurationIsNotInTheWayOfAnIdentifier() throws Exception {
        long first = dev.matriarch.dcs.contract.Sample.revision(n1.writeConfig("{}", Expected.absent(), TIMEOUT));
        assertEquals(first, n2.read(TIMEOUT).config().orElseThrow().revision());
        n1.writeInitialize("7", Expected.absent(), TIMEOUT);
        assertInstanceOf(
                WriteResult.Written.class,
                n2.writeConfig("{\"a\":1}", Expected.revision(first), TIMEOUT),
                "both are in one object, but only the other one has changed");
        assertInstanceOf(WriteResult.Conflict.class, n1.writeConfig("{}", Expected.revision(first), TIMEOUT));
    }
}
