package dev.matriarch.chaos;

import java.nio.file.Path;

/** On Consul. */
class MixedConsulIT extends MixedCluster {
    private static final int PORT_OFFSET = 2440;

    private ConsulServer consul;

    @Override
    Cluster start(Path home) {
        consul = new ConsulServer(home.resolve("consul"));
        return Cluster.startOnConsul(consul.address(), 3, PORT_OFFSET);
    }

    @Override
    void endStore() {
        if (consul != null) {
            consul.close();
        }
    }
}
