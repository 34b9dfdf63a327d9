package dev.matriarch.zookeeper;

import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.contract.ExternalContract;
import dev.matriarch.dcs.contract.ExternalStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;

/** A real ZooKeeper keeps the contract of all stores through this adapter. */
@Tag("slow")
class ZooKeeperContractTest extends ExternalContract {
    @TempDir
    static Path dir;

    private static ZooKeeperServers server;
    private static int clusters;

    @BeforeAll
    static void start() throws Exception {
        server = ZooKeeperServers.start(
                Files.createDirectories(dir.resolve("zookeeper")), List.of("tickTime=500\nmaxSessionTimeout=120000"));
    }

    @AfterAll
    static void stop() throws IOException {
        if (server != null) {
            server.close();
        }
    }

    @Override
    protected ExternalStore open() throws Exception {
        return new OneServer("c " + clusters++);
    }

    /** @param scope with a blank, as names may have */
    private record OneServer(String scope) implements ExternalStore {
        @Override
        public Dcs connect(String member) throws IOException {
            return new ZooKeeperDcs(
                    new ZooKeeperSettings(ZooKeeperSettings.base("/service/", scope), List.of(server.address(0))));
        }

        @Override
        public Duration ttl() {
            return Duration.ofSeconds(3);
        }

        @Override
        public Duration expiresWithin() {
            return Duration.ofSeconds(3);
        }

        @Override
        public void freeze() throws Exception {
            server.signal(0, "STOP");
        }

        @Override
        public void thaw() throws Exception {
            server.signal(0, "CONT");
        }

        @Override
        public void wipe() throws Exception {
            server.wipe();
        }

        @Override
        public void endSessions() throws Exception {
            Raw.endSessions(server.address(0), List.of(path("leader"), path("members/n1"), path("members/n2")));
        }

        @Override
        public void put(String key, String value) throws Exception {
            Raw.put(server.address(0), path(key), value);
        }

        @Override
        public String get(String key) throws Exception {
            return Raw.get(server.address(0), path(key));
        }

        private String path(String key) {
            return "/service/" + scope + "/" + key;
        }

        @Override
        public void close() {}
    }
}
