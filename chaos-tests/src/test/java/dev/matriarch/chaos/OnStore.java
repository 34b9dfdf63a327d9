package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * A cluster whose keys are in a real store of others, and what becomes of it while that hangs, is cut off or loses everything,
 * or the cluster's leader dies. Whatever the store, these tests run as first, second and last.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
abstract class OnStore<S extends StoreServer> {
    static final Duration WHOLE = Duration.ofSeconds(90);
    static final Duration SOON = Duration.ofSeconds(30);
    static final Duration TTL = Cluster.Profile.EXTERNAL.ttl();
    /** Less than the demo's retry_timeout of 3 s. */
    private static final Duration SHORT = Duration.ofMillis(2500);

    @TempDir
    static Path directory;

    S server;
    Cluster cluster;
    Node leader;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    /** Runs for this class alone. */
    abstract S serve(Path home);

    abstract Cluster start(String address);

    /** The value of a key of the cluster; empty if there is none. */
    abstract String key(String name);

    @BeforeAll
    void up() {
        server = serve(directory.resolve("store"));
        cluster = start(server.address());
    }

    private void recover() {
        server.heal();
        server.thaw();
    }

    @AfterAll
    void down() {
        if (server != null) {
            recover();
        }
        if (cluster != null) {
            cluster.close();
        }
        if (server != null) {
            server.close();
        }
    }

    @BeforeEach
    void whole() {
        recover();
        leader = cluster.awaitWhole(WHOLE);
    }

    private void silent(Runnable fault) {
        fault.run();
        Await.during("the leader stays", SHORT, () -> leader.healthCheck("/primary") == 200);
        recover();
        Await.during("the leader stays", Duration.ofSeconds(3), () -> leader.healthCheck("/primary") == 200);
    }

    @Test
    @Order(1)
    void aStoreThatIsSilentForLessThanRetryTimeoutDemotesNobody() {
        int timeline = cluster.timeline(leader);
        silent(server::freeze);
        if (server.canBeCutOff()) {
            silent(server::cut);
        }
        assertEquals(timeline, cluster.timeline(leader));
        assertEquals(leader.name(), key("leader"));
    }

    @Test
    @Order(2)
    void aStoreThatLostEverythingIsFilledByTheLeaderAlone() {
        int timeline = cluster.timeline(leader);
        String system = key("initialize");
        assertTrue(system.matches("\\d{10,}"), system);
        server.loseEverything();
        long since = System.nanoTime();
        Await.until(
                "the leader writes its keys again",
                SOON,
                () -> key("leader").equals(leader.name())
                        && key("initialize").equals(system)
                        && key("config").contains("\"ttl\":20")
                        && key("status").contains("optime"));
        took("the empty store has answered, it has its keys again", since);
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        assertEquals(timeline, cluster.timeline(leader), "nobody was promoted");
    }

    @Test
    @Order(9)
    void aLeaderThatDiesIsReplaced() {
        Faults.Strike strike = Faults.HOST.strike(leader);
        Node next = cluster.awaitPrimaryOtherThan(leader, TTL.plusSeconds(20));
        took("the leader has died, another leads", strike.begun());
        Await.until("the store names it", SOON, () -> key("leader").equals(next.name()));
        replaced(next);
    }

    /** What else is to be seen then: its host comes back, and follows. */
    void replaced(Node next) {
        leader.startAgent();
        assertEquals(next, cluster.awaitWhole(WHOLE));
    }

    /** By cutting the store off, where that is possible: then nobody is told anything. Afterwards somebody leads again. */
    final void withoutTheStoreThePrimaryEnds() throws SQLException {
        if (server.canBeCutOff()) {
            server.cut();
        } else {
            server.freeze();
        }
        primaryEndsInTime();
        recover();
        long since = System.nanoTime();
        Node next = cluster.awaitWhole(WHOLE);
        took("the store is back, the cluster is whole", since);
        try (Connection connection = cluster.connect(next)) {
            assertEquals("f", Cluster.query(connection, "select pg_is_in_recovery()"));
        }
    }

    /** From here on nothing renews its lease: it is over within a ttl, not a moment later. */
    final void primaryEndsInTime() {
        long since = System.nanoTime();
        long[] lastSeen = {since};
        Await.until("the primary ends", TTL.plusSeconds(10), () -> {
            long asked = System.nanoTime();
            if (isReadOnlyOrGone(leader)) {
                return true;
            }
            lastSeen[0] = asked;
            return false;
        });
        took("nothing renews its lease, the primary has ended", since);
        long seen = lastSeen[0] - since;
        assertTrue(seen < TTL.toNanos(), () -> "still a primary after " + seen / 1_000_000 + " ms");
    }

    /** For docs/external-stores.md. */
    final void took(String what, long since) {
        System.out.printf("%s: %.1f s after %s%n", getClass().getSimpleName(), (System.nanoTime() - since) / 1e9, what);
    }

    private boolean isReadOnlyOrGone(Node node) {
        try (Connection connection = cluster.connect(node)) {
            return Cluster.query(connection, "select pg_is_in_recovery()").equals("t");
        } catch (SQLException gone) {
            return true;
        }
    }
}
