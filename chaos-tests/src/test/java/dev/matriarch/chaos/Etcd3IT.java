package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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

/** A cluster whose keys are in a real etcd, and what becomes of it while etcd hangs, dies or loses everything. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class Etcd3IT {
    private static final int PORT_OFFSET = 2300;
    private static final Duration WHOLE = Duration.ofSeconds(90);
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final Duration TTL = Cluster.Profile.EXTERNAL.ttl();

    @TempDir
    static Path directory;

    private static EtcdServer etcd;
    private static Cluster cluster;

    @RegisterExtension
    final LogsOnFailure logs = new LogsOnFailure(() -> cluster);

    private Node leader;

    @BeforeAll
    static void up() {
        etcd = new EtcdServer(directory.resolve("etcd"));
        cluster = Cluster.startOnEtcd(etcd.address(), 3, PORT_OFFSET);
    }

    @AfterAll
    static void down() {
        if (etcd != null) {
            etcd.thaw();
        }
        if (cluster != null) {
            cluster.close();
        }
        if (etcd != null) {
            etcd.close();
        }
    }

    @BeforeEach
    void whole() {
        etcd.thaw();
        leader = cluster.awaitWhole(WHOLE);
    }

    private static void configure(String setting) {
        Await.value("the configuration is changed", SOON, () -> {
            Commands.Result result = cluster.ctl("edit-config", "--force", "-q", "-s", setting);
            return result.exitCode() == 0 ? Optional.of(result) : Optional.empty();
        });
    }

    /** The value of a key of the cluster; empty if there is none. */
    private static String key(String name) {
        return etcd.get("/service/demo/" + name);
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
    void etcdThatIsSilentForLessThanRetryTimeoutDemotesNobody() throws Exception {
        int timeline = cluster.timeline(leader);
        etcd.freeze();
        Await.during("the leader stays", Duration.ofMillis(2500), () -> leader.healthCheck("/primary") == 200);
        etcd.thaw();
        Await.during("the leader stays", Duration.ofSeconds(3), () -> leader.healthCheck("/primary") == 200);
        assertEquals(timeline, cluster.timeline(leader));
    }

    @Test
    @Order(2)
    void aStoreThatLostEverythingIsFilledByTheLeaderAlone() throws Exception {
        int timeline = cluster.timeline(leader);
        String system = key("initialize");
        assertTrue(system.matches("\\d{10,}"), system);
        etcd.loseEverything();
        Await.until(
                "the leader writes its keys again",
                SOON,
                () -> key("leader").equals(leader.name())
                        && key("initialize").equals(system)
                        && key("config").contains("\"ttl\":20")
                        && key("status").contains("optime"));
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        assertEquals(timeline, cluster.timeline(leader), "nobody was promoted");
    }

    @Test
    @Order(3)
    void inFailsafeModeThePrimaryGoesOnWithoutEtcd() throws Exception {
        configure("failsafe_mode=true");
        Await.until("the leader knows whom to ask", SOON, () -> key("failsafe").contains("n3"));
        for (Node node : cluster.nodes()) {
            Await.until(node.name() + " knows the mode", SOON, () -> node.healthCheck("/failsafe") == 200);
        }
        int timeline = cluster.timeline(leader);
        etcd.freeze();
        try (Connection connection = cluster.connect(leader)) {
            Await.during("the leader stays", TTL.plusSeconds(8), () -> leader.healthCheck("/primary") == 200);
            assertEquals("f", Cluster.query(connection, "select pg_is_in_recovery()"));
        }
        etcd.thaw();
        assertEquals(leader, cluster.awaitWhole(WHOLE));
        assertEquals(timeline, cluster.timeline(leader));
        configure("failsafe_mode=false");
    }

    @Test
    @Order(4)
    void withoutItThePrimaryEndsWithItsLease() throws Exception {
        Await.until("failsafe mode is off", SOON, () -> key("config").contains("\"failsafe_mode\":false"));
        Await.pause(3000);
        etcd.freeze();
        Await.until("the primary ends", TTL.plusSeconds(2), () -> isReadOnlyOrGone(leader));
        etcd.thaw();
        Node next = cluster.awaitWhole(WHOLE);
        try (Connection connection = cluster.connect(next)) {
            assertEquals("f", Cluster.query(connection, "select pg_is_in_recovery()"));
        }
    }

    @Test
    @Order(5)
    void aLeaderThatDiesIsReplaced() throws Exception {
        Faults.HOST.strike(leader);
        Node next = cluster.awaitPrimaryOtherThan(leader, TTL.plusSeconds(20));
        assertEquals(next.name(), key("leader"));
        leader.startAgent();
        assertEquals(next, cluster.awaitWhole(WHOLE));
    }
}
