package dev.matriarch.etcd;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.contract.ExternalContract;
import dev.matriarch.dcs.contract.ExternalStore;
import dev.matriarch.etcd.EtcdCluster.Again;
import dev.matriarch.etcd.EtcdV2Api.If;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;

/** A real etcd keeps the contract of all stores through its v2 API. */
@Tag("slow")
class EtcdV2ContractTest extends ExternalContract {
    @TempDir
    static Path dir;

    private static EtcdServers server;
    private static int clusters;

    @BeforeAll
    static void start() throws Exception {
        server = EtcdServers.start(dir.resolve("etcd"), 1, "http", EtcdServers.V2);
    }

    @AfterAll
    static void stop() throws IOException {
        if (server != null) {
            server.close();
        }
    }

    @Override
    protected ExternalStore open() throws Exception {
        return new OverV2("c" + clusters++);
    }

    private static final class OverV2 extends OneServer {
        private final EtcdSettings settings;
        private final EtcdV2Api admin;

        OverV2(String scope) throws IOException {
            super(server);
            this.settings = EtcdContractTest.settings(server, scope);
            this.admin = new EtcdV2Api(settings);
        }

        @Override
        public Dcs connect(String member) throws IOException {
            return new EtcdV2Dcs(settings);
        }

        /** A second more is asked for. */
        @Override
        public Duration ttl() {
            return Duration.ofSeconds(2);
        }

        /** There are none: what has a time to live goes. */
        @Override
        public void endSessions() throws Exception {
            for (Map.Entry<String, KeyTree.Entry> key :
                    admin.tree(settings.base(), budget()).entries().entrySet()) {
                if (key.getKey().equals("leader") || key.getKey().startsWith("members/")) {
                    admin.delete(
                            settings.base() + key.getKey(),
                            new If.Unchanged(key.getValue().modified()),
                            Again.ALLOWED,
                            budget());
                }
            }
        }

        @Override
        public void put(String key, String value) throws Exception {
            assertTrue(admin.put(settings.base() + key, value, 0, new If.Always(), Again.ALLOWED, budget())
                    .done());
        }

        @Override
        public String get(String key) throws Exception {
            return admin.tree(settings.base(), budget())
                    .entry(key)
                    .map(KeyTree.Entry::value)
                    .orElse(null);
        }

        @Override
        public void close() {
            admin.close();
        }
    }
}
