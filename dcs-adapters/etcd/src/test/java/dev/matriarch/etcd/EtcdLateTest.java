package dev.matriarch.etcd;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.etcd.Door.Reply;
import dev.matriarch.etcd.EtcdCluster.Again;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real etcd whose answers are lost on their way, and that gets requests later than they were sent. */
@Tag("slow")
class EtcdLateTest {
    private static final Duration TTL = Duration.ofSeconds(20);
    private static final Duration BRIEF = Duration.ofSeconds(2);
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    static Path dir;

    private static EtcdServers etcd;
    private static int clusters;

    private enum Fault {
        NONE,
        ANSWER_LOST,
        HELD_UP,
        /** What was held up, and what comes only now of the same attempts. */
        STILL_HELD_UP,
        BAD_GATEWAY
    }

    private final List<String> asked = new CopyOnWriteArrayList<>();
    private final List<String> heldUp = new CopyOnWriteArrayList<>();
    private volatile Fault fault = Fault.NONE;
    private String base;
    private Door door;
    private Door second;
    private EtcdDcs dcs;

    @BeforeAll
    static void startEtcd() throws Exception {
        etcd = EtcdServers.start(dir.resolve("etcd"), 1);
    }

    @AfterAll
    static void stopEtcd() throws Exception {
        if (etcd != null) {
            etcd.close();
        }
    }

    @BeforeEach
    void start() throws Exception {
        String scope = "late" + clusters++;
        base = "/service/" + scope + "/";
        door = new Door(this::answer);
        second = new Door(this::answer);
        dcs = new EtcdDcs(Door.settings(scope, door.address(), second.address()));
    }

    @AfterEach
    void stop() {
        dcs.close();
        door.close();
        second.close();
    }

    private Optional<Reply> answer(String path, String body) throws Exception {
        if (path.endsWith("/watch")) {
            return Optional.empty();
        }
        asked.add(path);
        // Only what changes something meets the fault: a look has no conditions.
        boolean writes =
                path.endsWith("/kv/txn") && !JSON.readTree(body).path("compare").isEmpty();
        boolean meant = fault != Fault.NONE && (fault != Fault.STILL_HELD_UP || heldUp.contains(body));
        if (!writes || !meant) {
            return Door.pass(etcd.address(0), path, body);
        }
        if (fault == Fault.ANSWER_LOST) {
            Door.pass(etcd.address(0), path, body);
            fault = Fault.NONE;
            return Optional.empty();
        }
        heldUp.add(body);
        return fault == Fault.BAD_GATEWAY ? Optional.of(new Reply(502, "<html>Bad Gateway</html>")) : Optional.empty();
    }

    private void throughOneDoor() throws Exception {
        dcs.close();
        dcs = new EtcdDcs(Door.settings(base.split("/")[2], door.address()));
    }

    private long acquired() throws DcsException {
        return epoch(dcs.acquireLeader("n1", TTL, Long.MAX_VALUE, TIMEOUT));
    }

    private LeaseResult renew(long epoch, Duration ttl) throws DcsException {
        return dcs.renewLeader("n1", epoch, ttl, Optional.empty(), TIMEOUT);
    }

    private boolean arrivesNow(String body) throws Exception {
        Reply reply = Door.pass(etcd.address(0), "/v3/kv/txn", body).orElseThrow();
        assertEquals(200, reply.status(), reply.body());
        return JSON.readTree(reply.body()).path("succeeded").asBoolean(false);
    }

    private Requests.Entry key(String name) throws Exception {
        try (EtcdApi api = new EtcdApi(Door.settings("x", etcd.address(0)))) {
            JsonNode kvs = api.call("kv/range", Requests.range(base + name), Again.ALLOWED, new Budget(TIMEOUT))
                    .path("kvs");
            return Requests.entry(kvs.get(0));
        }
    }

    @Test
    void aLockWhoseAnswerWasLostIsFoundAndItsLeaseIsNotEnded() throws Exception {
        fault = Fault.ANSWER_LOST;
        long epoch = acquired();
        assertEquals(Fault.NONE, fault, "the answer was lost");
        assertEquals(epoch, key("leader").created());
        assertEquals(
                1, asked.stream().filter(path -> path.endsWith("lease/grant")).count(), "it is the first lock");
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL));
        assertFalse(asked.stream().anyMatch(path -> path.contains("revoke")), asked.toString());
    }

    @Test
    void whoComesSecondEndsNoLeases() throws Exception {
        long epoch = acquired();
        try (EtcdDcs slower = new EtcdDcs(Door.settings(base.split("/")[2], door.address()))) {
            assertEquals(new LeaseResult.Lost("n1"), slower.acquireLeader("n2", TTL, Long.MAX_VALUE, TIMEOUT));
        }
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL));
        assertFalse(asked.stream().anyMatch(path -> path.contains("revoke")), asked.toString());
    }

    @Test
    void aWriteThatAProxyGaveUpIsRefusedAfterTheNextRenewal() throws Exception {
        throughOneDoor();
        long epoch = acquired();
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL));
        fault = Fault.BAD_GATEWAY;
        SyncState sync = new SyncState("n1", new TreeSet<>(List.of("n2")), 0);
        assertThrows(DcsException.class, () -> dcs.writeSync("n1", epoch, Optional.of(sync), Expected.absent(), BRIEF));
        fault = Fault.NONE;
        assertEquals(1, heldUp.size(), "it is not sent twice");
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL));
        assertFalse(arrivesNow(heldUp.getFirst()), "the renewal has settled it");
        assertTrue(dcs.read(TIMEOUT).sync().isEmpty());
    }

    @Test
    void aRenewalWithAnotherTtlThatWasHeldUpIsRefusedAfterTheNextOne() throws Exception {
        throughOneDoor();
        long epoch = acquired();
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL));
        long lease = key("leader").lease();
        fault = Fault.HELD_UP;
        assertThrows(
                DcsException.class, () -> dcs.renewLeader("n1", epoch, TTL.multipliedBy(2), Optional.empty(), BRIEF));
        fault = Fault.STILL_HELD_UP;
        assertFalse(heldUp.isEmpty());
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL));
        for (String body : heldUp) {
            assertFalse(arrivesNow(body), "the renewal has settled it");
        }
        assertEquals(lease, key("leader").lease());
    }

    @Test
    void aClaimIsTakenBackOnceAndOnlyAClaim() throws Exception {
        throughOneDoor();
        try (EtcdDcs other = new EtcdDcs(Door.settings(base.split("/")[2], etcd.address(0)))) {
            assertInstanceOf(WriteResult.Written.class, dcs.writeInitialize("", Expected.absent(), TIMEOUT));
            dcs.read(TIMEOUT);
            fault = Fault.HELD_UP;
            assertThrows(DcsException.class, () -> dcs.deleteInitialize(BRIEF));
            fault = Fault.NONE;
            dcs.deleteInitialize(TIMEOUT);
            assertTrue(dcs.read(TIMEOUT).initialize().isEmpty());

            assertInstanceOf(WriteResult.Written.class, other.writeInitialize("", Expected.absent(), TIMEOUT));
            for (String body : heldUp) {
                assertFalse(arrivesNow(body), "another's claim is not taken back");
            }
            assertInstanceOf(
                    WriteResult.Written.class,
                    other.writeInitialize(
                            "7", Expected.revision(key("initialize").modified()), TIMEOUT));
            dcs.read(TIMEOUT);
            dcs.deleteInitialize(TIMEOUT);
            assertEquals("7", other.read(TIMEOUT).initialize().orElseThrow().value(), "it is no claim any more");
        }
    }
}
