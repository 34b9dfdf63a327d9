package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CitusSectionTest {
    private static final String MINIMAL = """
            scope: demo
            name: n1
            restapi: {listen: '10.0.0.1:8008'}
            raft: {data_dir: /var/lib/demo/raft, self_addr: '10.0.0.1:2222'}
            postgresql:
              listen: 10.0.0.1:5432
              data_dir: /var/lib/demo/data
              authentication:
                superuser: {username: postgres}
                replication: {username: replicator}
            """;

    @TempDir
    Path dir;

    private AgentConfig load(String more) throws Exception {
        return ConfigFile.load(Files.writeString(dir.resolve("n1.yml"), MINIMAL + more), Map.of());
    }

    private void refused(String citus, String key, String words) {
        ConfigProblems e = assertThrows(ConfigProblems.class, () -> load(citus));
        assertTrue(
                e.problems().stream()
                        .anyMatch(p -> p.key().equals(key) && p.sentence().contains(words)),
                e::getMessage);
    }

    @Test
    void aWorkerIsToldWhereTheCoordinatorIs() throws Exception {
        AgentConfig config = load("citus: {group: 2, database: shop, coordinator: ['10.0.0.9', '10.0.0.8:9000']}\n");
        CitusConfig citus = config.citus().orElseThrow();
        assertEquals(2, citus.group());
        assertEquals(List.of(new HostPort("10.0.0.9", 8009), new HostPort("10.0.0.8", 9000)), citus.coordinator());
        assertEquals("demo/2", config.storeName(), "no member of another group gets into its store");
        refused("citus: {group: 2, database: shop}\n", "citus.coordinator", "is missing");
    }

    @Test
    void whatDoesNotFitIsRefused() {
        refused("citus: {database: shop}\n", "citus.group", "is missing");
        refused("citus: {group: 0}\n", "citus.database", "is missing");
        refused("citus: {group: -1, database: shop}\n", "citus.group", "0");
        refused("citus: {group: 0, database: shop, coordinator: [a]}\n", "citus.coordinator", "is for workers");
        refused("citus: {group: 1, database: shop, coordinator: ['a:b']}\n", "citus.coordinator", "not an address");
    }

    @Test
    void commitsAreQuorumCommitsUnlessToldOtherwise() throws Exception {
        assertTrue(load("citus: {group: 0, database: shop}\n")
                .bootstrap()
                .dcsJson()
                .contains("quorum"));
        assertTrue(load("citus: {group: 0, database: shop}\nbootstrap: {dcs: {synchronous_mode: false}}\n")
                .bootstrap()
                .dcsJson()
                .contains("false"));
        assertEquals("demo", load("").storeName());
    }

    @Test
    void theParametersThatCitusNeedsAreSet() throws Exception {
        CitusConfig citus = load("citus: {group: 0, database: shop}\n").citus().orElseThrow();
        Map<String, String> parameters = citus.parameters(
                Map.of(
                        "shared_preload_libraries", "pg_stat_statements, citus",
                        "max_connections", "150",
                        "max_prepared_transactions", "0",
                        "wal_level", "replica"),
                "10.0.0.1");
        assertEquals("citus,pg_stat_statements", parameters.get("shared_preload_libraries"));
        assertEquals("300", parameters.get("max_prepared_transactions"));
        assertEquals("logical", parameters.get("wal_level"));
        assertEquals("10.0.0.1", parameters.get("citus.local_hostname"));
        assertEquals(
                "7",
                citus.parameters(Map.of("max_prepared_transactions", "7"), "a").get("max_prepared_transactions"));
    }
}
