package dev.matriarch.etcd;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.await;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.contract.Outages;
import dev.matriarch.dcs.http.Budget;
import dev.matriarch.dcs.http.TlsFiles;
import dev.matriarch.etcd.EtcdCluster.Again;
import dev.matriarch.etcd.EtcdV2Api.If;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three real servers of which some hang, die, or are cut off from the others, asked by etcd's v2 API. */
@Tag("slow")
class EtcdV2FaultsTest {
    private static final Duration TTL = Duration.ofSeconds(60);

    @TempDir
    static Path dir;

    private static EtcdServers servers;
    private static int clusters;

    private EtcdSettings settings;
    private EtcdV2Dcs dcs;

    @BeforeAll
    static void startServers() throws Exception {
        servers = EtcdServers.start(dir.resolve("etcd"), 3, "http", EtcdServers.V2);
    }

    @AfterAll
    static void stopServers() throws Exception {
        if (servers != null) {
            servers.close();
        }
    }

    /** Each test leaves the servers as it found them. */
    @BeforeEach
    void start() throws Exception {
        servers.awaitAnswers();
        settings = EtcdContractTest.settings(servers, "faults" + clusters++);
        dcs = new EtcdV2Dcs(settings);
    }

    @AfterEach
    void stop() {
        dcs.close();
    }

    private LeaseResult renew(long epoch, Duration timeout) throws DcsException {
        return dcs.renewLeader("n1", epoch, TTL, Optional.empty(), timeout);
    }

    @Test
    void oneServerThatHangsIsPassedOver() throws Exception {
        long epoch = epoch(dcs.acquireLeader("n1", TTL, Long.MAX_VALUE, TIMEOUT));
        for (int i = 0; i < 3; i++) {
            servers.signal(i, "STOP");
            try {
                // The others may have to elect a leader first.
                assertEquals(new LeaseResult.Held(epoch), renew(epoch, TIMEOUT));
                assertEquals("n1", dcs.read(TIMEOUT).leader().orElseThrow().name());
            } finally {
                servers.signal(i, "CONT");
            }
            servers.awaitAnswers();
        }
    }

    @Test
    void theLockStaysWhenTheLeaderDiesAndWhenAllDie() throws Exception {
        Duration ttl = Duration.ofSeconds(60);
        int leader = servers.leader();
        try (EtcdV2Dcs n2 = new EtcdV2Dcs(settings)) {
            Outages.theLockStays(dcs, n2, ttl, () -> servers.kill(leader));
            servers.start(leader);
            servers.awaitAnswers();
            Outages.theLockStays(dcs, n2, ttl, servers::restart);
            Outages.everythingIsWrittenAnew(dcs, n2, ttl, servers::wipe);
        }
    }

    @Test
    void aServerWithoutItsMajorityIsNotBelieved() throws Exception {
        long epoch = epoch(dcs.acquireLeader("n1", TTL, Long.MAX_VALUE, TIMEOUT));
        List<Change> heard = new CopyOnWriteArrayList<>();
        servers.signal(1, "STOP");
        servers.signal(2, "STOP");
        try {
            Duration brief = Duration.ofSeconds(3);
            assertThrows(DcsException.class, () -> dcs.read(brief));
            assertThrows(DcsException.class, () -> renew(epoch, brief));
            assertThrows(DcsException.class, () -> dcs.writeConfig("{}", Expected.absent(), brief));
        } finally {
            servers.signal(1, "CONT");
            servers.signal(2, "CONT");
        }
        await(
                Duration.ofSeconds(30),
                "the holder goes on",
                () -> renew(epoch, TIMEOUT).equals(new LeaseResult.Held(epoch)));
        dcs.onChange(heard::add);
        await(Duration.ofSeconds(30), "changes are heard of again", () -> {
            dcs.writeConfig("{\"at\":" + System.nanoTime() + "}", Expected.anything(), TIMEOUT);
            return heard.contains(Change.CONFIG);
        });
    }

    @Test
    void oneAddressIsEnoughToFindTheOthers() throws Exception {
        EtcdSettings one = alone(false);
        EtcdSettings proxy = alone(true);
        try (EtcdV2Api found = new EtcdV2Api(one);
                EtcdV2Api alone = new EtcdV2Api(proxy)) {
            for (EtcdV2Api api : List.of(found, alone)) {
                api.tree("/x/", new Budget(TIMEOUT));
            }
            await(Duration.ofSeconds(20), "the others are known", () -> {
                found.tree("/x/", new Budget(TIMEOUT));
                return found.cluster().addresses().containsAll(servers.addresses());
            });
            servers.kill(0);
            try {
                found.tree("/x/", new Budget(TIMEOUT));
                found.cluster().refresh();
                assertTrue(
                        found.cluster().addresses().containsAll(servers.addresses()),
                        "the configured one is dead; the others are still known");
                assertThrows(
                        DcsException.class,
                        () -> alone.tree("/x/", new Budget(Duration.ofSeconds(2))),
                        "behind a proxy no other address may be used");
            } finally {
                servers.start(0);
            }
        }
    }

    @Test
    void serversThatAreKnownByTheirPeersAddressesNameTheirDoorsForClients() throws Exception {
        try (EtcdV2Api api = new EtcdV2Api(alone(false))) {
            List<URI> peers = List.of(URI.create("http://127.0.0.1:1"), servers.peerAddress(1));
            List<URI> clients = api.cluster().clients(new SrvRecords.Found(List.of(), peers));
            assertEquals(Set.copyOf(servers.addresses()), Set.copyOf(clients));
        }
    }

    private EtcdSettings alone(boolean proxy) {
        return new EtcdSettings(
                settings.base(), List.of(servers.address(0)), Optional.empty(), proxy, Optional.empty(), TlsFiles.NONE);
    }

    /** etcd remembers the last thousand changes of all that it holds. */
    @Test
    void aWatchWhosePastIsForgottenSaysThatEverythingIsToBeReadAgain() throws Exception {
        List<Change> heard = new CopyOnWriteArrayList<>();
        dcs.writeConfig("{}", Expected.anything(), TIMEOUT);
        long before = dcs.read(TIMEOUT).revision();
        try (EtcdV2Api api = new EtcdV2Api(settings)) {
            List<Callable<Object>> others = new ArrayList<>();
            for (int i = 0; i < 1100; i++) {
                String key = "/other/" + i % 10;
                others.add(() -> api.put(key, "x", 0, new If.Always(), Again.ALLOWED, new Budget(TIMEOUT)));
            }
            try (var threads = Executors.newFixedThreadPool(40)) {
                for (var write : threads.invokeAll(others)) {
                    write.get();
                }
            }
            EtcdV2Watch watch = new EtcdV2Watch(api, settings.base(), heard::add, before);
            try {
                await(Duration.ofSeconds(20), "it says so", () -> heard.contains(Change.RESYNC));
                await(Duration.ofSeconds(20), "later changes are heard of", () -> {
                    dcs.writeConfig("{\"ttl\":40}", Expected.anything(), TIMEOUT);
                    return heard.contains(Change.CONFIG);
                });
            } finally {
                watch.close();
            }
        }
    }
}
