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
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three real servers of which some hang, die, or are cut off from the others. */
@Tag("slow")
class EtcdFaultsTest {
    private static final Duration TTL = Duration.ofSeconds(20);

    @TempDir
    Path dir;

    private EtcdServers servers;
    private EtcdDcs dcs;

    @BeforeEach
    void start() throws Exception {
        servers = EtcdServers.start(dir.resolve("etcd"), 3);
        dcs = new EtcdDcs(EtcdContractTest.settings(servers, "faults"));
    }

    @AfterEach
    void stop() throws Exception {
        dcs.close();
        servers.close();
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
        try (EtcdDcs n2 = new EtcdDcs(EtcdContractTest.settings(servers, "faults"))) {
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
                Duration.ofSeconds(20),
                "the holder goes on",
                () -> renew(epoch, TIMEOUT).equals(new LeaseResult.Held(epoch)));
    }

    @Test
    void oneAddressIsEnoughToFindTheOthers() throws Exception {
        EtcdSettings one = new EtcdSettings(
                "/service/faults/",
                List.of(servers.address(0)),
                Optional.empty(),
                false,
                Optional.empty(),
                TlsFiles.NONE);
        EtcdSettings proxy =
                new EtcdSettings(one.base(), one.addresses(), Optional.empty(), true, Optional.empty(), TlsFiles.NONE);
        try (EtcdApi found = new EtcdApi(one);
                EtcdApi alone = new EtcdApi(proxy)) {
            for (EtcdApi api : List.of(found, alone)) {
                api.call("kv/range", Requests.range("/x"), Again.ALLOWED, new Budget(TIMEOUT));
            }
            await(Duration.ofSeconds(20), "the others are known", () -> {
                found.call("kv/range", Requests.range("/x"), Again.ALLOWED, new Budget(TIMEOUT));
                return found.cluster().addresses().containsAll(servers.addresses());
            });
            servers.kill(0);
            found.call("kv/range", Requests.range("/x"), Again.ALLOWED, new Budget(TIMEOUT));
            found.cluster().refresh();
            assertTrue(
                    found.cluster().addresses().containsAll(servers.addresses()),
                    "the configured one is dead; the others are still known");
            found.call("kv/range", Requests.range("/x"), Again.ALLOWED, new Budget(TIMEOUT));
            assertThrows(
                    DcsException.class,
                    () -> alone.call(
                            "kv/range", Requests.range("/x"), Again.ALLOWED, new Budget(Duration.ofSeconds(2))),
                    "behind a proxy no other address may be used");
        }
    }

    @Test
    void aWatchWhosePastWasCompactedSaysThatEverythingIsToBeReadAgain() throws Exception {
        List<Change> heard = new CopyOnWriteArrayList<>();
        for (int i = 0; i < 5; i++) {
            dcs.writeConfig("{\"ttl\":" + (30 + i) + "}", Expected.anything(), TIMEOUT);
        }
        try (EtcdApi api = new EtcdApi(EtcdContractTest.settings(servers, "faults"))) {
            long revision = dcs.read(TIMEOUT).revision();
            api.call(
                    "kv/compaction",
                    Requests.object().put("revision", Long.toString(revision)).put("physical", true),
                    Again.FORBIDDEN,
                    new Budget(TIMEOUT));
            try (EtcdWatch watch = new EtcdWatch(api, "/service/faults/", heard::add, 1)) {
                watch.shown(1);
                await(Duration.ofSeconds(20), "it says so", () -> heard.contains(Change.RESYNC));
                await(Duration.ofSeconds(20), "later changes are heard of", () -> {
                    dcs.writeConfig("{\"ttl\":40}", Expected.anything(), TIMEOUT);
                    return heard.contains(Change.CONFIG);
                });
            }
        }
    }

    @Test
    void addressesWhereNobodyAnswersAreNamed() throws Exception {
        EtcdSettings nowhere = new EtcdSettings(
                "/service/faults/",
                List.of(URI.create("http://127.0.0.1:1")),
                Optional.empty(),
                false,
                Optional.empty(),
                TlsFiles.NONE);
        try (EtcdDcs lost = new EtcdDcs(nowhere)) {
            DcsException why = assertThrows(DcsException.class, () -> lost.read(Duration.ofSeconds(1)));
            assertTrue(why.getMessage().contains("127.0.0.1:1"), why.getMessage());
            assertTrue(lost.health().startsWith("no answer from etcd"), lost.health());
        }
    }
}
