package dev.matriarch.chaos;

import java.nio.file.Path;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** On ZooKeeper. */
class ZooKeeperIT extends OnStore<ZooKeeperServer> {

    @Override
    ZooKeeperServer serve(Path home) {
        return new ZooKeeperServer(home, Island.make());
    }

    @Override
    Cluster start(String address) {
        return Cluster.startOnZooKeeper(address, 3);
    }

    @Override
    String key(String name) {
        return server.get("/service/demo/" + name);
    }

    @Test
    @Order(3)
    void withoutZooKeeperThePrimaryEndsWithItsSession() throws Exception {
        withoutTheStoreThePrimaryEnds();
    }
}
