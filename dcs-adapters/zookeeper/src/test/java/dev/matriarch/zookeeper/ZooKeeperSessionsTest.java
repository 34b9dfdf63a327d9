package dev.matriarch.zookeeper;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.http.Addresses;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One real server that grants sessions 20 of its ticks at the most, as it does unless it is told otherwise. */
@Tag("slow")
class ZooKeeperSessionsTest {
    private static final Duration LONGEST = Duration.ofSeconds(10);
    private static final Duration TTL = Duration.ofSeconds(6);

    @TempDir
    static Path dir;

    private static ZooKeeperServers server;
    private static int clusters;

    private String scope;
    private ZooKeeperDcs dcs;

    @BeforeAll
    static void start() throws Exception {
        server = ZooKeeperServers.start(Files.createDirectories(dir.resolve("zookeeper")), List.of("tickTime=500"));
    }

    @AfterAll
    static void stop() throws IOException {
        if (server != null) {
            server.close();
        }
    }

    @BeforeEach
    void another() throws IOException {
        scope = "s" + clusters++;
        dcs = open("/service/");
    }

    @AfterEach
    void end() {
        dcs.close();
    }

    private ZooKeeperDcs open(String namespace) throws IOException {
        return new ZooKeeperDcs(
                new ZooKeeperSettings(ZooKeeperSettings.base(namespace, scope), List.of(server.address(0))));
    }

    private String path(String key) {
        return "/service/" + scope + "/" + key;
    }

    private long acquired(Duration ttl) throws DcsException {
        return epoch(dcs.acquireLeader("n1", ttl, Long.MAX_VALUE, TIMEOUT));
    }

    private LeaseResult renew(long epoch, Duration ttl) throws DcsException {
        return dcs.renewLeader("n1", epoch, ttl, Optional.empty(), TIMEOUT);
    }

    private static WriteResult writeSync(ZooKeeperDcs dcs, long epoch) throws DcsException {
        SyncState sync = new SyncState("n1", new TreeSet<>(List.of("n2")), 0);
        return dcs.writeSync("n1", epoch, Optional.of(sync), Expected.anything(), TIMEOUT);
    }

    @Test
    void aRecordThatAsksForMoreThanIsGrantedIsWrittenAllTheSame() throws Exception {
        dcs.touchMember(member("n1", "running"), LONGEST.multipliedBy(2), TIMEOUT);
        assertTrue(dcs.read(TIMEOUT).member("n1").isPresent());
        assertEquals(Optional.of(LONGEST), dcs.longestTtl());
        long owner = Raw.owner(server.address(0), path("members/n1"));
        dcs.touchMember(member("n1", "starting"), LONGEST.multipliedBy(2), TIMEOUT);
        assertEquals(owner, Raw.owner(server.address(0), path("members/n1")), "the session is the same");
    }

    @Test
    void aLockThatAsksForMoreThanIsGrantedIsRefusedAndSaysWhy() throws Exception {
        assertEquals(Optional.empty(), dcs.longestTtl());
        Duration more = LONGEST.plusSeconds(5);
        DcsException e = assertThrows(DcsException.class, () -> dcs.acquireLeader("n1", more, Long.MAX_VALUE, TIMEOUT));
        assertTrue(e.getMessage().contains("maxSessionTimeout"), e::getMessage);
        assertTrue(dcs.read(TIMEOUT).isUnlocked());
        assertEquals(Optional.of(LONGEST), dcs.longestTtl());
        epoch(dcs.acquireLeader("n1", LONGEST, Long.MAX_VALUE, TIMEOUT));
    }

    @Test
    void aTtlThatIsRaisedTooFarCostsTheLockNothing() throws Exception {
        long epoch = acquired(TTL);
        assertThrows(DcsException.class, () -> renew(epoch, LONGEST.plusSeconds(5)));
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, LONGEST), "what the agent does next");
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, LONGEST));
    }

    @Test
    void aConnectionThatIsGivenUpWhileItIsMadeEnds() throws Exception {
        URI address = server.address(0);
        try (Connections connections =
                new Connections(new Addresses(List.of(address)), new Entrance(ZooKeeperSettings.Access.OPEN))) {
            connections.curator().blockUntilConnected(10, TimeUnit.SECONDS);
            CompletableFuture<KeeperState> first = new CompletableFuture<>();
            Handle handle = new Handle(address, 3000, first, Optional.empty(), connections);
            // The client was told to end, and forgets it.
            handle.unwanted();
            assertEquals(KeeperState.SyncConnected, first.get(10, TimeUnit.SECONDS));
            await(TIMEOUT, "it ends", () -> !handle.getState().isAlive());
            for (int i = 0; i < 20; i++) {
                new Handle(address, 3000, new CompletableFuture<>(), Optional.empty(), connections).abandon();
            }
        }
        // One is the asking one.
        await(TIMEOUT, "all are gone", () -> server.said(0).matches("(?s).*Connections: [1-4]\n.*"));
    }

    @Test
    void whoMayNotMakeThePathAboveNeedsNot() throws Exception {
        URI address = server.address(0);
        Raw.put(address, "/closed/service/x", "");
        Raw.ask(address, zk -> {
            zk.setACL("/closed", ZooDefs.Ids.READ_ACL_UNSAFE, -1);
            return null;
        });
        try (ZooKeeperDcs below = open("/closed/service/")) {
            assertInstanceOf(WriteResult.Written.class, below.writeInitialize("7", Expected.absent(), TIMEOUT));
            assertEquals("7", Raw.get(address, "/closed/service/" + scope + "/initialize"));
        }
    }

    @Test
    void eachChangeIsToldOnceAlsoAfterTheConnectionBroke() throws Exception {
        dcs.writeConfig("{}", Expected.anything(), TIMEOUT);
        List<Change> heard = new CopyOnWriteArrayList<>();
        dcs.onChange(heard::add);
        for (int i = 0; i < 2; i++) {
            heard.clear();
            server.restart();
            await(Duration.ofSeconds(30), "it is connected again", () -> heard.contains(Change.RESYNC));
        }
        heard.clear();
        // The second time tells that all of the first has been told.
        Raw.put(server.address(0), path("config"), "{\"ttl\":30}");
        Raw.put(server.address(0), path("history"), "[]");
        await(TIMEOUT, "both are told", () -> heard.contains(Change.CONFIG) && heard.contains(Change.HISTORY));
        assertEquals(1, heard.stream().filter(c -> c == Change.CONFIG).count(), heard::toString);
    }

    @Test
    void anEpochThatSomebodyElseWroteIsNotWaitedFor() throws Exception {
        long epoch = acquired(TTL);
        Raw.put(server.address(0), path("epoch"), "7");
        assertEquals(epoch, dcs.read(TIMEOUT).leader().orElseThrow().epoch());
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL));
    }

    @Test
    void theEndOfASessionThatTheLockHasLeftIsNotItsOwn() throws Exception {
        long epoch = acquired(TTL);
        long first = Raw.owner(server.address(0), path("leader"));
        try (ZooKeeperDcs next = open("/service/")) {
            assertEquals(new LeaseResult.Held(epoch), next.renewLeader("n1", epoch, TTL, Optional.empty(), TIMEOUT));
        }
        assertNotEquals(first, Raw.owner(server.address(0), path("leader")));
        Raw.endSession(server.address(0), first);
        assertInstanceOf(WriteResult.Written.class, writeSync(dcs, epoch));
        assertEquals(new LeaseResult.Held(epoch), renew(epoch, TTL));
    }

    /** @return what a write leaves that arrives when its leader has given it up */
    private String leftByALateWrite(boolean afterARenewal) throws Exception {
        try (Door door = new Door(server.address(0));
                ZooKeeperDcs n1 = new ZooKeeperDcs(
                        ZooKeeperSettings.base("/service/", scope), new Addresses(List.of(door.address())))) {
            long epoch = epoch(n1.acquireLeader("n1", TTL, Long.MAX_VALUE, TIMEOUT));
            door.holdUp("sync_standby");
            assertThrows(DcsException.class, () -> writeSync(n1, epoch));
            assertTrue(door.holdsUp());
            if (afterARenewal) {
                assertEquals(new LeaseResult.Held(epoch), n1.renewLeader("n1", epoch, TTL, Optional.empty(), TIMEOUT));
            }
            door.letGo();
            return Raw.get(server.address(0), path("sync"));
        }
    }

    @Test
    void aWriteThatIsHeldUpIsRefusedAfterTheNextRenewal() throws Exception {
        assertEquals(null, leftByALateWrite(true));
    }

    @Test
    void aWriteThatIsHeldUpIsMadeIfItsLeaderWasNotRenewed() throws Exception {
        assertEquals(
                "{\"leader\":\"n1\",\"sync_standby\":\"n2\"}",
                leftByALateWrite(false).replaceAll(",\"quorum.*}", "}"));
    }
}
