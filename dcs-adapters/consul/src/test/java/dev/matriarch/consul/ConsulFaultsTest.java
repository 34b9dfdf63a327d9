package dev.matriarch.consul;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.consul.ConsulSettings.Changeable;
import dev.matriarch.consul.ConsulSettings.Consistency;
import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.contract.Outages;
import dev.matriarch.dcs.http.TlsFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three real servers of Consul, some of which hang or die. */
@Tag("slow")
class ConsulFaultsTest {
    private static final Duration TTL = Duration.ofSeconds(20);
    private static final Duration SOON = Duration.ofSeconds(30);

    @TempDir
    static Path dir;

    private static ConsulServers servers;
    private static int clusters;

    private String scope;

    @BeforeAll
    static void start() throws Exception {
        servers = ConsulServers.start(dir.resolve("consul"), 3);
    }

    @AfterAll
    static void stop() throws IOException {
        if (servers != null) {
            servers.close();
        }
    }

    @BeforeEach
    void another() {
        scope = "f" + clusters++;
    }

    @AfterEach
    void thaw() throws Exception {
        servers.signalAll("CONT");
        servers.awaitAnswers();
    }

    private ConsulDcs at(int server, String member, Consistency consistency) throws IOException {
        Changeable how = new Changeable(Optional.empty(), Optional.empty(), consistency, false, List.of());
        return new ConsulDcs(ConsulContractTest.settings(servers.address(server), scope, member, how));
    }

    private ConsulDcs at(int server, String member) throws IOException {
        return at(server, member, Consistency.DEFAULT);
    }

    private static LeaseResult renew(ConsulDcs dcs, long epoch) throws DcsException {
        return dcs.renewLeader("n1", epoch, TTL, Optional.empty(), TIMEOUT);
    }

    @Test
    void theLockStaysWhereItIsWhileConsulChangesItsLeader() throws Exception {
        int first = servers.leader();
        int other = (first + 1) % 3;
        try (ConsulDcs n1 = at(other, "n1");
                ConsulDcs n2 = at((first + 2) % 3, "n2")) {
            List<Change> heard = new CopyOnWriteArrayList<>();
            n2.onChange(heard::add);
            long epoch = epoch(n1.acquireLeader("n1", TTL, Long.MAX_VALUE, TIMEOUT));
            assertEquals(new LeaseResult.Held(epoch), renew(n1, epoch));
            n1.touchMember(member("n1", "running"), TTL, TIMEOUT);
            servers.signal(first, "STOP");
            assertEquals(new LeaseResult.Held(epoch), renew(n1, epoch), "within one call");
            assertEquals(new LeaseResult.Lost("n1"), n2.acquireLeader("n2", TTL, Long.MAX_VALUE, TIMEOUT));
            n1.writeConfig("{}", Expected.anything(), TIMEOUT);
            await(SOON, "a change is heard of", () -> heard.contains(Change.CONFIG) || heard.contains(Change.RESYNC));
            assertNotEquals(first, servers.leader());
            servers.signal(first, "CONT");
            // The one that led does not know yet that it does no longer; it is never believed.
            try (ConsulDcs there = at(first, "n1")) {
                assertEquals(new LeaseResult.Held(epoch), renew(there, epoch));
                assertEquals("n1", there.read(TIMEOUT).leader().orElseThrow().name());
            }
            assertTrue(n1.read(TIMEOUT).member("n1").isPresent());
        }
    }

    @Test
    void theLockStaysWhenConsulsLeaderDies() throws Exception {
        int first = servers.leader();
        try (ConsulDcs n1 = at((first + 1) % 3, "n1");
                ConsulDcs n2 = at((first + 2) % 3, "n2")) {
            Outages.theLockStays(n1, n2, TTL, () -> servers.kill(first));
        } finally {
            servers.start(first);
        }
    }

    @Test
    void aServerWithoutItsMajorityIsNotBelieved() throws Exception {
        try (ConsulDcs n1 = at(0, "n1");
                ConsulDcs careless = at(0, "n2", Consistency.STALE)) {
            long epoch = epoch(n1.acquireLeader("n1", TTL, Long.MAX_VALUE, TIMEOUT));
            assertEquals("n1", careless.read(TIMEOUT).leader().orElseThrow().name());
            servers.signal(1, "STOP");
            servers.signal(2, "STOP");
            Duration brief = Duration.ofSeconds(2);
            await(SOON, "it leads no more", () -> {
                try {
                    n1.writeConfig("{}", Expected.anything(), brief);
                    return false;
                } catch (DcsException unknown) {
                    return true;
                }
            });
            assertThrows(DcsException.class, () -> n1.renewLeader("n1", epoch, TTL, Optional.empty(), brief));
            assertThrows(DcsException.class, () -> n1.read(brief));
            await(SOON, "an old view is not shown any more", () -> {
                try {
                    careless.read(brief);
                    return false;
                } catch (DcsException tooOld) {
                    return true;
                }
            });
            servers.signalAll("CONT");
            await(SOON, "the holder goes on", () -> renew(n1, epoch).equals(new LeaseResult.Held(epoch)));
        }
    }

    @Test
    void aStaleViewIsNotOlderThanWhatWasSeen() throws Exception {
        int follower = (servers.leader() + 1) % 3;
        try (ConsulDcs n1 = at(follower, "n1", Consistency.STALE);
                ConsulDcs n2 = at((follower + 1) % 3, "n2", Consistency.STALE)) {
            for (int i = 0; i < 20; i++) {
                String config = "{\"ttl\":" + (20 + i) + "}";
                n1.writeConfig(config, Expected.anything(), TIMEOUT);
                assertEquals(config, n1.read(TIMEOUT).config().orElseThrow().value());
            }
            await(
                    SOON,
                    "the other one sees it",
                    () -> n2.read(TIMEOUT)
                            .config()
                            .filter(c -> c.value().equals("{\"ttl\":39}"))
                            .isPresent());
        }
    }

    @Test
    void withAHealthCheckTheLockIsKeptBackForATtl() throws Exception {
        Duration ttl = Duration.ofSeconds(4);
        ConsulSettings plain = ConsulContractTest.settings(servers.address(0), scope, "n1", ConsulContractTest.PLAIN);
        ConsulSettings checked = new ConsulSettings(
                plain.base(),
                scope,
                "n1",
                plain.address(),
                TlsFiles.NONE,
                true,
                List.of("serfHealth"),
                plain.service(),
                plain.changeable());
        try (ConsulDcs n1 = new ConsulDcs(checked);
                ConsulDcs n2 = at(1, "n2")) {
            epoch(n1.acquireLeader("n1", ttl, Long.MAX_VALUE, TIMEOUT));
            n1.touchMember(member("n1", "running"), ttl, TIMEOUT);
            long sent = System.nanoTime();
            String session = servers.ask(0, "GET", "kv/service/" + scope + "/leader", "")
                    .replaceFirst("(?s).*\"Session\": ?\"([^\"]*)\".*", "$1");
            String info = servers.ask(0, "GET", "session/info/" + session, "");
            assertTrue(info.contains("serfHealth"), info);
            // As Consul does when the check fails.
            servers.ask(0, "PUT", "session/destroy/" + session, "");
            await(TIMEOUT, "nobody leads", () -> n2.read(TIMEOUT).isUnlocked());
            assertEquals(new LeaseResult.Lost(""), n2.acquireLeader("n2", ttl, Long.MAX_VALUE, TIMEOUT));
            await(
                    SOON,
                    "it is given at last",
                    () -> n2.acquireLeader("n2", ttl, Long.MAX_VALUE, TIMEOUT) instanceof LeaseResult.Held);
            assertTrue(System.nanoTime() - sent >= ttl.toNanos(), "not before the old leader has ended");
        }
    }

    @Test
    void serversThatAllDieAndComeBackStillHaveTheLock() throws Exception {
        try (ConsulDcs n1 = at(0, "n1");
                ConsulDcs n2 = at(1, "n2")) {
            Duration longTtl = Duration.ofSeconds(60);
            long epoch = epoch(n1.acquireLeader("n1", longTtl, Long.MAX_VALUE, TIMEOUT));
            for (int i = 0; i < 3; i++) {
                servers.kill(i);
            }
            assertThrows(DcsException.class, () -> n1.read(Duration.ofSeconds(1)));
            for (int i = 0; i < 3; i++) {
                servers.start(i);
            }
            await(
                    SOON,
                    "the holder goes on",
                    () -> n1.renewLeader("n1", epoch, longTtl, Optional.empty(), TIMEOUT)
                            .equals(new LeaseResult.Held(epoch)));
            assertEquals(new LeaseResult.Lost("n1"), n2.acquireLeader("n2", TTL, Long.MAX_VALUE, TIMEOUT));
        }
    }

    @Test
    void serversThatAllLoseTheirDisksAreSeenAsEmpty() throws Exception {
        try (ConsulDcs n1 = at(0, "n1");
                ConsulDcs n2 = at(1, "n2")) {
            Outages.everythingIsWrittenAnew(n1, n2, TTL, servers::wipe);
        }
    }
}
