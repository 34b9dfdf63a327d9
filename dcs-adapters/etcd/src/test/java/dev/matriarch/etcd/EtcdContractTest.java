package dev.matriarch.etcd;

import com.fasterxml.jackson.databind.JsonNode;
import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.contract.ExternalContract;
import dev.matriarch.dcs.contract.ExternalStore;
import dev.matriarch.dcs.http.TlsFiles;
import dev.matriarch.etcd.EtcdCluster.Again;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;

/** A real etcd keeps the contract of all stores through this adapter. */
@Tag("slow")
class EtcdContractTest extends ExternalContract {
    @TempDir
    static Path dir;

    private static EtcdServers server;
    private static int clusters;

    @BeforeAll
    static void start() throws Exception {
        server = EtcdServers.start(dir.resolve("etcd"), 1);
    }

    @AfterAll
    static void stop() throws IOException {
        if (server != null) {
            server.close();
        }
    }

    static EtcdSettings settings(EtcdServers servers, String scope) {
        return new EtcdSettings(
                EtcdSettings.base("service", scope),
                servers.addresses(),
                Optional.empty(),
                false,
                Optional.empty(),
                TlsFiles.NONE);
    }

    @Override
    protected ExternalStore open() throws Exception {
        return new OverV3("c" + clusters++);
    }

    private static final class OverV3 extends OneServer {
        private final String scope;
        private final EtcdApi admin;

        OverV3(String scope) throws IOException {
            super(server);
            this.scope = scope;
            this.admin = new EtcdApi(settings(server, scope));
        }

        @Override
        public Dcs connect(String member) throws IOException {
            return new EtcdDcs(settings(server, scope));
        }

        @Override
        public void endSessions() throws Exception {
            JsonNode leases = admin.call("lease/leases", Requests.object(), Again.ALLOWED, budget());
            for (JsonNode lease : leases.path("leases")) {
                admin.call(
                        "lease/revoke",
                        Requests.object().put("ID", lease.path("ID").asText()),
                        Again.ALLOWED,
                        budget());
            }
        }

        @Override
        public void put(String key, String value) throws Exception {
            admin.call("kv/put", Requests.put("/service/" + scope + "/" + key, value, 0), Again.ALLOWED, budget());
        }

        @Override
        public String get(String key) throws Exception {
            JsonNode kvs = admin.call(
                            "kv/range", Requests.range("/service/" + scope + "/" + key), Again.ALLOWED, budget())
                    .path("kvs");
            return kvs.isEmpty() ? null : Requests.entry(kvs.get(0)).value();
        }

        @Override
        public void close() {
            admin.close();
        }
    }
}
