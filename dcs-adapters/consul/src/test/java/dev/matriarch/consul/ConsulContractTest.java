package dev.matriarch.consul;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.matriarch.consul.ConsulSettings.Changeable;
import dev.matriarch.consul.ConsulSettings.Consistency;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.contract.ExternalContract;
import dev.matriarch.dcs.contract.ExternalStore;
import dev.matriarch.dcs.http.TlsFiles;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;

/** A real Consul keeps the contract of all stores through this adapter. */
@Tag("slow")
class ConsulContractTest extends ExternalContract {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    static Path dir;

    private static ConsulServers server;
    private static int clusters;

    @BeforeAll
    static void start() throws Exception {
        server = ConsulServers.start(dir.resolve("consul"), 1);
    }

    @AfterAll
    static void stop() throws IOException {
        if (server != null) {
            server.close();
        }
    }

    static final Changeable PLAIN =
            new Changeable(Optional.empty(), Optional.empty(), Consistency.DEFAULT, false, List.of());

    static ConsulSettings settings(URI address, String scope, String member, Changeable changeable) {
        return new ConsulSettings(
                ConsulSettings.base("/service/", scope),
                scope,
                member,
                address,
                TlsFiles.NONE,
                true,
                List.of(),
                new ConsulSettings.Service("1s", Optional.empty()),
                changeable);
    }

    @Override
    protected ExternalStore open() throws Exception {
        return new OneServer("c " + clusters++);
    }

    /** @param scope with a blank, as names may have */
    private record OneServer(String scope) implements ExternalStore {
        @Override
        public Dcs connect(String member) throws IOException {
            return new ConsulDcs(settings(server.address(0), scope, member, PLAIN));
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
            server.signalAll("STOP");
        }

        @Override
        public void thaw() throws Exception {
            server.signalAll("CONT");
        }

        @Override
        public void wipe() throws Exception {
            server.wipe();
        }

        @Override
        public void endSessions() throws Exception {
            for (JsonNode session : JSON.readTree(server.ask(0, "GET", "session/list", ""))) {
                server.ask(0, "PUT", "session/destroy/" + session.path("ID").asText(), "");
            }
        }

        @Override
        public void put(String key, String value) throws Exception {
            server.ask(0, "PUT", path(key), value);
        }

        @Override
        public String get(String key) throws Exception {
            String value = server.ask(0, "GET", path(key) + "?raw", "");
            return value.isEmpty() ? null : value;
        }

        private String path(String key) {
            return "kv/" + ConsulApi.encoded("service/" + scope + "/" + key);
        }

        @Override
        public void close() {}
    }
}
