package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Configurations as they are written for Patroni. */
class PatroniFilesTest {
    @TempDir
    Path dir;

    private Path file(String name) throws Exception {
        try (InputStream in = PatroniFilesTest.class.getResourceAsStream(name)) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            return Files.writeString(dir.resolve(name), text);
        }
    }

    private AgentConfig load(String name) throws Exception {
        return ConfigFile.load(file(name), Map.of());
    }

    @Test
    void aMinimalOneIsTakenAsItIs() throws Exception {
        AgentConfig config = load("patroni-minimal.yml");
        assertEquals("batman", config.scope());
        assertEquals(
                Path.of("/var/lib/patroni/raft"), config.builtIn().orElseThrow().dataDir());
        assertEquals(2, config.builtIn().orElseThrow().partners().size());
        assertEquals(Optional.of("zalando"), config.postgres().superuser().password());
    }

    @Test
    void aFullOneIsTakenAsItIs() throws Exception {
        AgentConfig config = load("patroni-full.yml");
        assertEquals(List.of("10.0.0.1", "127.0.0.1"), config.postgres().listenHosts());
        assertEquals(
                Optional.of("it's \"quoted\" \\ and: odd"),
                config.postgres().superuser().password());
        assertEquals(
                List.of("/etc/patroni/callback.sh", "--scope", "my cluster"),
                config.postgres().scripts().callbacks().get("on_role_change"));
        assertEquals(
                Path.of("data/postgresql0").toAbsolutePath(), config.postgres().dataDir());
        assertEquals("WARNING", config.log().loggers().get("patroni.postmaster"));
        assertEquals(
                Optional.of("admin%"), config.bootstrap().users().get("admin").password());
        Parameters parameters = Parameters.effective(
                DynamicConfigJson.parse(config.bootstrap().dcsJson()), config.postgres(), config.scope(), 150000);
        assertEquals(
                List.of(),
                parameters.warnings().stream()
                        .filter(w -> !w.contains("hot_standby"))
                        .toList());
        assertEquals("128MB", parameters.inFile().get("wal_keep_size"));
        assertEquals("all", parameters.inFile().get("pg_stat_statements.track"));
    }

    @Test
    void oneForKubernetesIsTakenAsItIs() throws Exception {
        KubernetesConfig kubernetes =
                (KubernetesConfig) load("patroni-kubernetes.yml").store();
        assertEquals(Map.of("application", "patroni"), kubernetes.labels());
        assertEquals("cluster-name", kubernetes.scopeLabel());
        assertTrue(kubernetes.useEndpoints());
        assertEquals(Optional.of("10.0.0.1"), kubernetes.podIp());
    }

    @Test
    void oneForCitusOnEtcdIsTakenAsItIs() throws Exception {
        AgentConfig config = load("patroni-citus.yml");
        assertTrue(config.store() instanceof EtcdConfig);
        assertTrue(
                config.storePath().endsWith("/" + config.citus().orElseThrow().group()));
    }

    @Test
    void oneForAStandbyClusterIsTakenAsItIs() throws Exception {
        assertTrue(load("patroni-standby-cluster.yml").bootstrap().dcsJson().contains("10.0.0.100"));
    }

    @Test
    void theShapesOfItsFirstYearsAreRead() throws Exception {
        AgentConfig config = ConfigFile.load(Files.writeString(dir.resolve("old.yml"), """
                scope: batman
                restapi: {listen: '10.0.0.1:8008'}
                raft: {self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222'], data_dir: /r}
                bootstrap: {dcs: {master_start_timeout: 100}}
                postgresql:
                  name: postgresql0
                  listen: 10.0.0.1:5432
                  data_dir: /d
                  create_replica_method: [basebackup]
                  replication: {username: replicator, password: rep-pass}
                  pg_rewind: {username: boss, password: zalando}
                """), Map.of());
        assertEquals("postgresql0", config.name());
        assertEquals("replicator", config.postgres().replication().username());
        assertEquals("boss", config.postgres().superuser().username());
        assertTrue(config.postgres().usePgRewind());
        assertEquals(
                100,
                DynamicConfigJson.parse(config.bootstrap().dcsJson())
                        .primaryStartTimeout()
                        .toSeconds());
    }
}
