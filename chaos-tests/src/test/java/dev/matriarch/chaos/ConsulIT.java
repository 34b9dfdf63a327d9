package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A cluster whose keys are in a real Consul, and what becomes of it while Consul hangs or its leader dies. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ConsulIT {
    private static final Duration WHOLE = Duration.ofSeconds(90);
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final Duration TTL = Cluster.Profile.EXTERNAL.ttl();

    @TempDir
    static Path directory;

    private static ConsulServer consul;
    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Node leader;

    @BeforeAll
    static void up() {
        consul = new ConsulServer(directory.resolve("consul"));
        cluster = Cluster.startOnConsul(consul.address(), 3);
    }

    @AfterAll
    static void down() {
        if (consul != null) {
            consul.thaw();
        }
        if (cluster != null) {
            cluster.close();
        }
        if (consul != null) {
            consul.close();
        }
    }

    @BeforeEach
    void whole() {
        consul.thaw();
        leader = cluster.awaitWhole(WHOLE);
    }

    private static boolean isReadOnlyOrGone(Node node) {
        try (Connection connection = cluster.connect(node)) {
            return Cluster.query(connection, "select pg_is_in_recovery()").equals("t");
        } catch (java.sql.SQLException gone) {
            return true;
        }
    }

    @Test
    @Order(1)
    void consulThatIsSilentForLessThanRetryTimeoutDemotesNobody() {
        int timeline = cluster.timeline(leader);
        consul.freeze();
        Await.during("the leader stays", Duration.ofMillis(2500), () -> leader.healthCheck("/primary") == 200);
        consul.thaw();
        Await.during("the leader stays", Duration.ofSeconds(3), () -> leader.healthCheck("/primary") == 200);
        assertEquals(timeline, cluster.timeline(leader));
        assertEquals(leader.name(), consul.get("service/demo/leader"));
    }

    @Test
    @Order(2)
    void withoutConsulThePrimaryEndsWithItsSession() throws Exception {
        consul.freeze();
        Await.until("the primary ends", TTL.plusSeconds(2), () -> isReadOnlyOrGone(leader));
        consul.thaw();
        Node next = cluster.awaitWhole(WHOLE);
        try (Connection connection = cluster.connect(next)) {
            assertEquals("f", Cluster.query(connection, "select pg_is_in_recovery()"));
        }
    }

    @Test
    @Order(3)
    void aLeaderThatDiesIsReplacedAndItsService() {
        Await.until(
                "clients find the leader",
                SOON,
                () -> consul.services("demo", "primary").contains("demo/" + leader.name()));
        Faults.HOST.strike(leader);
        Node next = cluster.awaitPrimaryOtherThan(leader, TTL.plusSeconds(20));
        assertEquals(next.name(), consul.get("service/demo/leader"));
        Await.until("clients find the new one", SOON, () -> {
            String found = consul.services("demo", "primary");
            return found.contains("demo/" + next.name()) && !found.contains("demo/" + leader.name());
        });
        assertTrue(consul.get("service/demo/initialize").matches("\\d{10,}"));
    }
}
