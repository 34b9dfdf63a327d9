package dev.matriarch.kubernetes;

import dev.matriarch.dcs.contract.ExternalContract;
import dev.matriarch.dcs.contract.ExternalStore;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** Fabric8's mock API server keeps the contract of all stores through this adapter, with the state in ConfigMaps. */
@Tag("slow")
class ConfigMapsContractTest extends ExternalContract {
    private static ApiServers server;
    private static int clusters;

    @BeforeAll
    static void start() {
        server = new ApiServers();
    }

    @AfterAll
    static void stop() {
        if (server != null) {
            server.close();
        }
    }

    @Override
    protected ExternalStore open() throws Exception {
        return new MockCluster(server, "c" + clusters++, false);
    }
}
