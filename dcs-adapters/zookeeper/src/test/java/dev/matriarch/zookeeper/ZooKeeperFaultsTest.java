package dev.matriarch.zookeeper;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.WriteResult;
import dev.matriarch.dcs.contract.Outages;
import dev.matriarch.dcs.http.Addresses;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three real servers of ZooKeeper, some of which hang or die. The third grants short sessions only. */
@Tag("slow")
class ZooKeeperFaultsTest {
    private static final Duration TTL = Duration.ofSeconds(20);
    private static final Duration SOON = Duration.ofSeconds(40);
    private static final int SHORT = 2;
    private static final Duration SHORT_LIMIT = Duration.ofSeconds(8);

    @TempDir
    static Path dir;

    private static ZooKeeperServers servers;
    private static int clusters;

    private String base;

    @BeforeAll
    static void start() throws Exception {
        servers = ZooKeeperServers.start(
                Files.createDirectories(dir.resolve("zookeeper")),
                List.of(
                        "tickTime=500\nmaxSessionTimeout=120000",
                        "tickTime=500\nmaxSessionTimeout=120000",
                        "tickTime=500\nmaxSessionTimeout=" + SHORT_LIMIT.toMillis()));
    }

    @AfterAll
    static void stop() throws IOException {
        if (servers != null) {
            servers.close();
        }
    }

    @BeforeEach
    void another() {
        base = "/service/f" + clusters++;
    }

    @AfterEach
    void thaw() throws Exception {
        for (int i = 0; i < 3; i++) {
            servers.signal(i, "CONT");
        }
        servers.awaitAnswers();
    }

    private static List<URI> addresses(int... order) {
        return IntStream.of(order).mapToObj(servers::address).toList();
    }

    private ZooKeeperDcs at(int... order) throws IOException {
        return new ZooKeeperDcs(base, new Addresses(addresses(order)));
    }

    private static LeaseResult renew(ZooKeeperDcs dcs, long epoch, Duration timeout) throws DcsException {
        return dcs.renewLeader("n1", epoch, TTL, Optional.empty(), timeout);
    }

    private static long acquired(ZooKeeperDcs dcs) throws DcsException {
        return epoch(dcs.acquireLeader("n1", TTL, Long.MAX_VALUE, TIMEOUT));
    }

    @Test
    void aServerThatHoldsUpItsAnswersIsLeftWithinTheCall() throws Exception {
        int leader = servers.leader();
        int other = (leader + 1) % 3;
        // The lock needs the two that grant it; the one that hangs must not lead.
        int silent = other == SHORT ? (leader + 2) % 3 : other;
        int next = 3 - leader - silent;
        Duration brief = Duration.ofSeconds(6);
        try (ZooKeeperDcs n2 = at(silent, leader, next)) {
            n2.writeConfig("{}", Expected.anything(), TIMEOUT);
            List<Change> heard = new CopyOnWriteArrayList<>();
            n2.onChange(heard::add);
            assertEquals("{}", n2.read(TIMEOUT).config().orElseThrow().value());
            servers.signal(silent, "STOP");
            assertEquals("{}", n2.read(brief).config().orElseThrow().value(), "within one call");
            n2.touchMember(member("n2", "running"), TTL, brief);
            assertInstanceOf(WriteResult.Written.class, n2.writeConfig("{\"a\":1}", Expected.anything(), brief));
            await(SOON, "a change is heard of", () -> heard.contains(Change.CONFIG) || heard.contains(Change.RESYNC));
        }
    }

    @Test
    void aServerThatAnswersPingsAndNothingElseIsLeft() throws Exception {
        try (Door door = new Door(servers.address(0));
                ZooKeeperDcs n1 = new ZooKeeperDcs(
                        base, new Addresses(List.of(door.address(), servers.address(0), servers.address(1))))) {
            long epoch = acquired(n1);
            n1.writeConfig("{}", Expected.anything(), TIMEOUT);
            door.swallow(base);
            assertEquals("{}", n1.read(TIMEOUT).config().orElseThrow().value());
            assertEquals(new LeaseResult.Held(epoch), renew(n1, epoch, TIMEOUT));
        }
    }

    @Test
    void theLockStaysWhereItIsWhileZooKeeperChangesItsLeader() throws Exception {
        int first = servers.leader();
        try (ZooKeeperDcs n1 = at(first, (first + 1) % 3, (first + 2) % 3);
                ZooKeeperDcs n2 = at((first + 2) % 3, (first + 1) % 3)) {
            long epoch = acquired(n1);
            servers.signal(first, "STOP");
            await(SOON, "the holder goes on", () -> renew(n1, epoch, TIMEOUT).equals(new LeaseResult.Held(epoch)));
            assertEquals("n1", n2.read(TIMEOUT).leader().orElseThrow().name());
            assertEquals(new LeaseResult.Lost("n1"), n2.acquireLeader("n2", TTL, Long.MAX_VALUE, TIMEOUT));
            servers.signal(first, "CONT");
            assertEquals("n1", n1.read(TIMEOUT).leader().orElseThrow().name());
            assertEquals(new LeaseResult.Held(epoch), renew(n1, epoch, TIMEOUT));
        }
    }

    @Test
    void theLockStaysWhenZooKeepersLeaderDies() throws Exception {
        int first = servers.leader();
        try (ZooKeeperDcs n1 = at(first, (first + 1) % 3, (first + 2) % 3);
                ZooKeeperDcs n2 = at((first + 2) % 3, (first + 1) % 3)) {
            Outages.theLockStays(n1, n2, TTL, () -> servers.kill(first));
        } finally {
            servers.start(first);
        }
    }

    @Test
    void aLeaderWithoutItsMajorityIsNotBelievedByTheHolder() throws Exception {
        int leader = servers.leader();
        Duration ttl = leader == SHORT ? SHORT_LIMIT : TTL;
        Duration brief = Duration.ofSeconds(2);
        try (ZooKeeperDcs there = at(leader)) {
            long epoch = epoch(there.acquireLeader("n1", ttl, Long.MAX_VALUE, TIMEOUT));
            for (int i = 0; i < 3; i++) {
                if (i != leader) {
                    servers.signal(i, "STOP");
                }
            }
            assertThrows(DcsException.class, () -> there.read(brief), "though it leads still");
            assertThrows(DcsException.class, () -> there.renewLeader("n1", epoch, ttl, Optional.empty(), brief));
            // Another's lock, as it knows it: that is not for it to say now.
            assertThrows(DcsException.class, () -> there.renewLeader("n3", epoch, ttl, Optional.empty(), brief));
            thaw();
            await(SOON, "it answers again", () -> there.read(TIMEOUT).revision() > 0);
        }
    }

    @Test
    void aServerThatGrantsLessIsPassedOver() throws Exception {
        try (ZooKeeperDcs n1 = at(SHORT, 0, 1)) {
            long epoch = acquired(n1);
            assertEquals(Optional.of(SHORT_LIMIT), n1.longestTtl());
            assertEquals(new LeaseResult.Held(epoch), renew(n1, epoch, TIMEOUT));
        }
    }

    @Test
    void aLockWhoseSessionWasMadeShorterIsGivenUpBeforeItEnds() throws Exception {
        Addresses known = new Addresses(addresses(0));
        try (ZooKeeperDcs n1 = new ZooKeeperDcs(base, known);
                ZooKeeperDcs n2 = at(1)) {
            long epoch = acquired(n1);
            known.replace(addresses(SHORT));
            assertEquals(
                    new LeaseResult.Lost(""), renew(n1, epoch, TIMEOUT), "its session ends before its lease would");
            assertEquals(Optional.of(SHORT_LIMIT), n1.longestTtl());
            await(SOON, "it has ended", () -> n2.read(TIMEOUT).isUnlocked());
        }
    }

    @Test
    void aLockWhoseSessionStillOutlivesItsLeaseIsNotGivenUp() throws Exception {
        Addresses known = new Addresses(addresses(0));
        Duration ttl = SHORT_LIMIT.plusMillis(500);
        try (ZooKeeperDcs n1 = new ZooKeeperDcs(base, known)) {
            long epoch = epoch(n1.acquireLeader("n1", ttl, Long.MAX_VALUE, TIMEOUT));
            long since = System.nanoTime();
            await(
                    TIMEOUT,
                    "a while",
                    () -> System.nanoTime() - since > Duration.ofSeconds(1).toNanos());
            known.replace(addresses(SHORT));
            assertThrows(DcsException.class, () -> n1.renewLeader("n1", epoch, ttl, Optional.empty(), TIMEOUT));
            assertEquals(
                    new LeaseResult.Held(epoch),
                    n1.renewLeader("n1", epoch, SHORT_LIMIT, Optional.empty(), TIMEOUT),
                    "what the agent does next");
        }
    }

    @Test
    void exhibitorNamesTheServersAndWhatItNamesNoMoreIsLeft() throws Exception {
        AtomicReference<String> answer = new AtomicReference<>("<html>not yet</html>");
        int leader = servers.leader();
        int first = (leader + 1) % 3;
        HttpServer exhibitor = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        exhibitor.createContext("/exhibitor/v1/cluster/list", exchange -> {
            try (exchange) {
                byte[] text = answer.get().getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(200, text.length);
                exchange.getResponseBody().write(text);
            }
        });
        exhibitor.start();
        Duration brief = Duration.ofSeconds(2);
        ZooKeeperSettings settings = new ZooKeeperSettings(
                base,
                List.of(),
                Optional.of(new ZooKeeperSettings.Exhibitor(
                        List.of(
                                URI.create("http://127.0.0.1:1"),
                                URI.create("http://127.0.0.1:"
                                        + exhibitor.getAddress().getPort())),
                        Duration.ofSeconds(1))));
        try (ZooKeeperDcs n1 = new ZooKeeperDcs(settings)) {
            DcsException e = assertThrows(DcsException.class, () -> n1.read(brief));
            assertTrue(e.getMessage().contains("Exhibitor"), e::getMessage);
            assertThrows(DcsException.class, () -> n1.touchMember(member("n1", "running"), TTL, brief));
            answer.set(names(first));
            await(SOON, "it is connected", () -> n1.read(brief).isUnlocked());
            n1.touchMember(member("n1", "running"), TTL, TIMEOUT);
            answer.set(names(leader));
            await(SOON, "it goes on at the other one", () -> !hasClients(first));
            servers.signal(first, "STOP");
            assertTrue(n1.read(TIMEOUT).member("n1").isPresent());
            for (String nonsense : List.of("{}", "{\"servers\":[],\"port\":2181}", "[")) {
                answer.set(nonsense);
            }
            exhibitor.stop(0);
            n1.touchMember(member("n1", "starting"), TTL, TIMEOUT);
            assertEquals("starting", n1.read(TIMEOUT).member("n1").orElseThrow().state());
        } finally {
            exhibitor.stop(0);
        }
    }

    private static String names(int server) {
        return "{\"servers\":[\"127.0.0.1\"],\"port\":"
                + InOrder.address(servers.address(server)).getPort() + "}";
    }

    /** Whoever asks is one, too. */
    private static boolean hasClients(int server) {
        return !servers.said(server).contains("Connections: 1\n");
    }

    @Test
    void serversThatAllDieAndComeBackStillHaveTheLock() throws Exception {
        try (ZooKeeperDcs n1 = at(0, 1);
                ZooKeeperDcs n2 = at(1, 0)) {
            Duration longTtl = Duration.ofSeconds(90);
            long epoch = epoch(n1.acquireLeader("n1", longTtl, Long.MAX_VALUE, TIMEOUT));
            servers.restart();
            await(
                    SOON,
                    "the holder goes on",
                    () -> n1.renewLeader("n1", epoch, longTtl, Optional.empty(), TIMEOUT)
                            .equals(new LeaseResult.Held(epoch)));
            await(
                    SOON,
                    "another sees it",
                    () -> new LeaseResult.Lost("n1").equals(n2.acquireLeader("n2", TTL, Long.MAX_VALUE, TIMEOUT)));
        }
    }

    @Test
    void serversThatAllLoseTheirDisksAreSeenAsEmpty() throws Exception {
        try (ZooKeeperDcs n1 = at(0, 1);
                ZooKeeperDcs n2 = at(1, 0)) {
            Outages.everythingIsWrittenAnew(n1, n2, TTL, servers::wipe);
        }
    }
}
