package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.ClusterView;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A cluster whose keys are in a real ZooKeeper, and what becomes of it while that hangs or loses its disk, or the leader dies. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ZooKeeperIT {
    private static final Duration WHOLE = Duration.ofSeconds(90);
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final Duration TTL = Cluster.Profile.EXTERNAL.ttl();

    @TempDir
    static Path directory;

    private static ZooKeeperServer zookeeper;
    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Node leader;

    @BeforeAll
    static void up() {
        zookeeper = new ZooKeeperServer(directory.resolve("zookeeper"));
        cluster = Cluster.startOnZooKeeper(zookeeper.address(), 3);
    }

    @AfterAll
    static void down() {
        if (zookeeper != null) {
            zookeeper.thaw();
        }
        if (cluster != null) {
            cluster.close();
        }
        if (zookeeper != null) {
            zookeeper.close();
        }
    }

    @BeforeEach
    void whole() {
        zookeeper.thaw();
        leader = cluster.awaitWhole(WHOLE);
    }

    private static boolean isReadOnlyOrGone(Node node) {
        try (Connection connection = cluster.connect(node)) {
            return Cluster.query(connection, "select pg_is_in_recovery()").equals("t");
        } catch (java.sql.SQLException gone) {
            return true;
        }
    }

    private static boolean isLedBy(Node node) {
        return zookeeper
                .view()
                .leader()
                .filter(l -> l.name().equals(node.name()))
                .isPresent();
    }

    @Test
    @Order(1)
    void zooKeeperThatIsSilentForLessThanRetryTimeoutDemotesNobody() {
        int timeline = cluster.timeline(leader);
        zookeeper.freeze();
        Await.during("the leader stays", Duration.ofMillis(2500), () -> leader.healthCheck("/primary") == 200);
        zookeeper.thaw();
        Await.during("the leader stays", Duration.ofSeconds(3), () -> leader.healthCheck("/primary") == 200);
        assertEquals(timeline, cluster.timeline(leader));
        assertTrue(isLedBy(leader));
        assertEquals(3, zookeeper.view().members().size());
    }

    @Test
    @Order(2)
    void aStoreThatLostEverythingIsFilledByTheLeaderAlone() {
        int timeline = cluster.timeline(leader);
        Optional<String> system = zookeeper.view().initialize().map(v -> v.value());
        assertTrue(system.orElse("").matches("\\d{10,}"), system::toString);
        zookeeper.wipe();
        Await.until("the leader writes its keys again", SOON, () -> {
            ClusterView view = zookeeper.view();
            return view.leader().filter(l -> l.name().equals(leader.name())).isPresent()
                    && view.initialize().map(v -> v.value()).equals(system)
                    && view.config()
                            .filter(c -> c.value().contains("\"ttl\":20"))
                            .isPresent();
        });
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        assertEquals(timeline, cluster.timeline(leader), "nobody was promoted");
    }

    @Test
    @Order(3)
    void withoutZooKeeperThePrimaryEndsWithItsSession() throws Exception {
        zookeeper.freeze();
        Await.until("the primary ends", TTL.plusSeconds(2), () -> isReadOnlyOrGone(leader));
        zookeeper.thaw();
        Node next = cluster.awaitWhole(WHOLE);
        try (Connection connection = cluster.connect(next)) {
            assertEquals("f", Cluster.query(connection, "select pg_is_in_recovery()"));
        }
    }

    @Test
    @Order(4)
    void aLeaderThatDiesIsReplaced() {
        Faults.HOST.strike(leader);
        Node next = cluster.awaitPrimaryOtherThan(leader, TTL.plusSeconds(20));
        Await.until("ZooKeeper names it", SOON, () -> isLedBy(next));
    }
}
