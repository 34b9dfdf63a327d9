package dev.matriarch.dcs.contract;

import static dev.matriarch.dcs.contract.Sample.TIMEOUT;
import static dev.matriarch.dcs.contract.Sample.epoch;
import static dev.matriarch.dcs.contract.Sample.member;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.LeaseResult;
import dev.matriarch.dcs.SyncState;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a store must do besides that others administrate, and that Patroni's members may share. */
public abstract class ExternalContract extends DcsContract {
    private ExternalStore external;

    @Override
    protected abstract ExternalStore open() throws Exception;

    @BeforeEach
    void external() {
        external = (ExternalStore) store;
    }

    @Test
    void keysAndValuesAreThoseOfPatroni() throws Exception {
        n1.writeInitialize("7391234567890123456", Expected.absent(), TIMEOUT);
        n1.writeConfig("{\"ttl\":30}", Expected.absent(), TIMEOUT);
        n1.touchMember(member("n1", "running"), store.ttl(), TIMEOUT);
        long epoch = epoch(acquire(n1, "n1"));
        n1.renewLeader("n1", epoch, store.ttl(), Optional.of(status(88080640)), TIMEOUT);
        SyncState sync = new SyncState("n1", new TreeSet<>(List.of("n3", "n2")), 1);
        n1.writeSync("n1", epoch, Optional.of(sync), Expected.absent(), TIMEOUT);
        n1.writeFailsafe("n1", epoch, Map.of("n1", "http://127.0.0.1:8008/patroni"), TIMEOUT);
        assertEquals("7391234567890123456", external.get("initialize"));
        assertEquals("{\"ttl\":30}", external.get("config"));
        assertEquals("n1", external.get("leader"));
        assertEquals("{\"optime\":88080640}", external.get("status"));
        assertEquals("{\"leader\":\"n1\",\"sync_standby\":\"n2,n3\",\"quorum\":1}", external.get("sync"));
        assertEquals("{\"n1\":\"http://127.0.0.1:8008/patroni\"}", external.get("failsafe"));
        String record = external.get("members/n1");
        assertTrue(
                record.startsWith("{\"conn_url\":\"postgres://127.0.0.1:5432/postgres\","
                        + "\"api_url\":\"http://127.0.0.1:8008/patroni\""),
                record);
        n1.writeFailover(Optional.empty(), Expected.anything(), TIMEOUT);
        assertEquals("{}", external.get("failover"));
    }

    @Test
    void whatOthersWroteIsReadAsWellAsItCanBe() throws Exception {
        external.put("members/broken", "{not json");
        external.put(
                "members/p1",
                "{\"conn_url\":\"postgres://10.0.0.2:5432/postgres\",\"api_url\":"
                        + "\"http://10.0.0.2:8008/patroni\",\"state\":\"running\",\"role\":\"master\",\"version\":\"3.0.2\","
                        + "\"xlog_location\":88080640,\"timeline\":4,\"new_field\":[1]}");
        external.put("status", "not json either");
        external.put("sync", "[]");
        external.put("failover", "n1:n2");
        external.put("nothing/of/ours", "x");
        external.put("config", "{broken");
        ClusterView view = n1.read(TIMEOUT);
        assertTrue(view.member("p1").orElseThrow().isPrimary());
        assertEquals("3.0.2", view.member("p1").orElseThrow().version());
        assertTrue(view.member("broken").orElseThrow().connUrl().isEmpty());
        assertTrue(view.sync().isEmpty());
        assertEquals("{broken", view.config().orElseThrow().value());
        assertEquals("{broken", external.get("config"), "it is not ours to repair");
    }

    @Test
    void anEndedSessionIsNoticedAndReplaced() throws Exception {
        long epoch = epoch(acquire(n1, "n1"));
        n1.touchMember(member("n1", "running"), store.ttl(), TIMEOUT);
        assertTrue(n1.read(TIMEOUT).member("n1").isPresent());
        external.endSessions();
        assertEquals(new LeaseResult.Lost(""), n1.renewLeader("n1", epoch, store.ttl(), Optional.empty(), TIMEOUT));
        assertTrue(n1.read(TIMEOUT).isUnlocked());
        n1.touchMember(member("n1", "running"), store.ttl(), TIMEOUT);
        assertTrue(n1.read(TIMEOUT).member("n1").isPresent());
        assertTrue(epoch(acquire(n1, "n1")) > epoch);
    }

    @Test
    void aWipedStoreIsSeenAsEmptyAndTakesEverythingAnew() throws Exception {
        Outages.everythingIsWrittenAnew(n1, n2, store.ttl(), external::wipe);
    }

    @Test
    void aShortSilenceIsWaitedOut() throws Exception {
        n1.read(TIMEOUT);
        external.freeze();
        CompletableFuture<ClusterView> read = new CompletableFuture<>();
        Thread.ofVirtual().start(() -> {
            try {
                read.complete(n1.read(TIMEOUT));
            } catch (Exception e) {
                read.completeExceptionally(e);
            }
        });
        try {
            Thread.sleep(1500);
            assertTrue(
                    !read.isDone(),
                    () -> "nobody answers yet, and still: "
                            + read.handle((view, failure) -> failure == null ? view : failure)
                                    .join());
        } finally {
            external.thaw();
        }
        assertTrue(read.join().isUnlocked());
    }
}
