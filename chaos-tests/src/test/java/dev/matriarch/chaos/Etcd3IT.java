package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.sql.Connection;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** On etcd, and in failsafe mode. */
class Etcd3IT extends OnStore<EtcdServer> {

    @Override
    EtcdServer serve(Path home) {
        return new EtcdServer(home, Island.make());
    }

    @Override
    Cluster start(String address) {
        return Cluster.startOnEtcd(address, 3);
    }

    @Override
    String key(String name) {
        return server.get("/service/demo/" + name);
    }

    private void configure(String setting) {
        Await.value("the configuration is changed", SOON, () -> {
            Commands.Result result = cluster.ctl("edit-config", "--force", "-q", "-s", setting);
            return result.exitCode() == 0 ? Optional.of(result) : Optional.empty();
        });
    }

    @Test
    @Order(3)
    void inFailsafeModeThePrimaryGoesOnWithoutEtcdUntilOneMemberIsSilent() throws Exception {
        configure("failsafe_mode=true");
        Await.until("the leader knows whom to ask", SOON, () -> key("failsafe").contains("n3"));
        for (Node node : cluster.nodes()) {
            Await.until(node.name() + " knows the mode", SOON, () -> node.healthCheck("/failsafe") == 200);
        }
        server.freeze();
        try (Connection connection = cluster.connect(leader)) {
            Await.during("the leader stays", TTL.plusSeconds(4), () -> leader.healthCheck("/primary") == 200);
            assertEquals("f", Cluster.query(connection, "select pg_is_in_recovery()"));
        }
        Node silent = cluster.othersThan(leader).getFirst();
        Node other = cluster.othersThan(leader).getLast();
        Faults.AGENT_STOPPED.strike(silent);
        try {
            primaryEndsInTime();
            assertEquals(503, other.healthCheck("/primary"), "nobody leads without the store");
        } finally {
            Processes.signal("CONT", List.of(silent.requireAgent()));
        }
        server.thaw();
        cluster.awaitWhole(WHOLE);
    }

    @Test
    @Order(4)
    void withoutItThePrimaryEndsWithItsLease() throws Exception {
        configure("failsafe_mode=false");
        Await.until("failsafe mode is off", SOON, () -> key("failsafe").equals("{}"));
        withoutTheStoreThePrimaryEnds();
    }
}
