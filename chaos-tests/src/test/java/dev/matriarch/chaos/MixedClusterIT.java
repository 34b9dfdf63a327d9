package dev.matriarch.chaos;

import java.nio.file.Path;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** On etcd. */
class MixedClusterIT extends MixedCluster {

    private EtcdServer etcd;

    @Override
    Cluster start(Path home) {
        etcd = new EtcdServer(home.resolve("etcd"));
        return Cluster.startOnEtcd(etcd.address(), 3);
    }

    @Override
    void endStore() {
        if (etcd != null) {
            etcd.close();
        }
    }

    @Test
    @Order(4)
    void patroniReplacesOurLeaderThatDied() {
        loseOurLeader();
    }

    @Test
    @Order(5)
    void oursReplacesAPatroniThatDied() {
        losePatroni();
    }
}
