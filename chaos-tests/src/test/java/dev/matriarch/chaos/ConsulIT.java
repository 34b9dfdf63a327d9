package dev.matriarch.chaos;

import java.nio.file.Path;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** On Consul, where the members are services as well. */
class ConsulIT extends OnStore<ConsulServer> {

    @Override
    ConsulServer serve(Path home) {
        return new ConsulServer(home);
    }

    @Override
    Cluster start(String address) {
        return Cluster.startOnConsul(address, 3);
    }

    @Override
    String key(String name) {
        return server.get("service/demo/" + name);
    }

    @Test
    @Order(3)
    void withoutConsulThePrimaryEndsWithItsSession() throws Exception {
        withoutTheStoreThePrimaryEnds();
    }

    /** Also after it has lost all services. */
    @Test
    @Order(4)
    void clientsFindTheLeader() {
        Await.until(
                "clients find the leader",
                SOON,
                () -> server.services("demo", "primary").contains("demo/" + leader.name()));
    }

    @Override
    void replaced(Node next) {
        Await.until("clients find the new one", SOON, () -> {
            String found = server.services("demo", "primary");
            return found.contains("demo/" + next.name()) && !found.contains("demo/" + leader.name());
        });
    }
}
