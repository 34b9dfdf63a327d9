package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** A cluster whose keys are in a real etcd, and what becomes of it while etcd hangs, dies or loses everything. */
class Etcd3IT extends OnEtcd {
    private static final Duration SOON = Duration.ofSeconds(30);

    @Override
    Cluster start(String address) {
        return Cluster.startOnEtcd(address, 3);
    }

    @Override
    String key(String name) {
        return etcd.get("/service/demo/" + name);
    }

    private void configure(String setting) {
        Await.value("the configuration is changed", SOON, () -> {
            Commands.Result result = cluster.ctl("edit-config", "--force", "-q", "-s", setting);
            return result.exitCode() == 0 ? Optional.of(result) : Optional.empty();
        });
    }

    private boolean isReadOnlyOrGone(Node node) {
        try (Connection connection = cluster.connect(node)) {
            return Cluster.query(connection, "select pg_is_in_recovery()").equals("t");
        } catch (java.sql.SQLException gone) {
            return true;
        }
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
}
