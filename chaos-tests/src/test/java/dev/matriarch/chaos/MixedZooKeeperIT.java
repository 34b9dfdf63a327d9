package dev.matriarch.chaos;

import java.nio.file.Path;

/** On ZooKeeper. */
class MixedZooKeeperIT extends MixedCluster {

    private ZooKeeperServer zookeeper;

    @Override
    Cluster start(Path home) {
        zookeeper = new ZooKeeperServer(home.resolve("zookeeper"));
        return Cluster.startOnZooKeeper(zookeeper.address(), 3);
    }

    @Override
    void endStore() {
        if (zookeeper != null) {
            zookeeper.close();
        }
    }
}
