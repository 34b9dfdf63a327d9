package dev.matriarch.chaos;

import java.nio.file.Path;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** On etcd. */
class MixedClusterIT extends MixedCluster {
    private static final int PORT_OFFSET = 2400;

    private EtcdServer etcd;

    @Override
    Cluster start(Path home) {
        etcd = new EtcdServer(home.resolve("etcd"));
        return Cluster.startOnEtcd(etcd.address(), 3, PORT_OFFSET);
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
