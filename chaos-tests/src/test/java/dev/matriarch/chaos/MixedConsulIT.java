package dev.matriarch.chaos;

import java.nio.file.Path;

/** On Consul. */
class MixedConsulIT extends MixedCluster {

    private ConsulServer consul;

    @Override
    Cluster start(Path home) {
        consul = new ConsulServer(home.resolve("consul"));
        return Cluster.startOnConsul(consul.address(), 3);
    }

    @Override
    void endStore() {
        if (consul != null) {
            consul.close();
        }
    }
}
