package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EffectiveConfigTest {
    @TempDir
    Path dir;

    @Test
    void everyValueHasItsSource() throws Exception {
        Path file = Files.writeString(dir.resolve("n1.yml"), """
                scope: demo
                name: n1
                restapi:
                  listen: '10.0.0.1:8008'
                  authentication: {username: admin, password: top-secret}
                raft: {data_dir: /r, self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222']}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: /d
                  authentication:
                    replication: {username: replicator, password: top-secret}
                  parameters:
                    work_mem: 8MB
                    a.b: c
                """);
        LocalConfig local = LocalConfig.read(Optional.of(file), Map.of("PATRONI_LOG_LEVEL", "debug"));
        String dynamic = "{\"ttl\":20,\"retry_timeout\":8,\"synchronous_mode\":\"quorum\","
                + "\"postgresql\":{\"parameters\":{\"work_mem\":\"4MB\",\"max_connections\":200}}}";
        List<EffectiveConfig.Row> rows = EffectiveConfig.of(
                local,
                dynamic,
                Parameters.effective(
                                DynamicConfigJson.parse(dynamic), local.config().postgres())
                        .inFile());
        assertRow(rows, "name", "n1", file + ":2");
        assertRow(rows, "restapi.listen", "10.0.0.1:8008", file + ":4");
        assertRow(rows, "restapi.connect_address", "restapi.listen", "default");
        assertRow(rows, "restapi.authentication.password", "********", file + ":5");
        assertRow(rows, "log.level", "debug", "environment variable PATRONI_LOG_LEVEL");
        assertRow(rows, "watchdog.mode", "automatic", "default");
        assertRow(rows, "ttl", "20", "cluster-wide configuration");
        assertRow(rows, "retry_timeout", "8", "cluster-wide configuration");
        assertRow(rows, "synchronous_mode", "quorum", "cluster-wide configuration");
        assertRow(rows, "maximum_lag_on_failover", "1048576", "default");
        assertRow(rows, "postgresql.parameters.work_mem", "8MB", file + ":13");
        assertRow(rows, "postgresql.parameters.a.b", "c", file + ":14");
        assertRow(rows, "postgresql.parameters.max_connections", "200", "cluster-wide configuration");
        assertRow(rows, "postgresql.parameters.max_wal_senders", "10", "default");
        assertRow(rows, "postgresql.parameters.port", "5432", "postgresql.listen");
        assertFalse(rows.toString().contains("top-secret"), rows::toString);
        assertFalse(rows.stream().anyMatch(r -> r.key().startsWith("bootstrap")), "it is not in force any more");
    }

    @Test
    void anAdjustedValueSaysWhatItWas() throws Exception {
        Path file = Files.writeString(dir.resolve("n1.yml"), """
                scope: demo
                name: n1
                restapi: {listen: '10.0.0.1:8008'}
                raft: {data_dir: /r, self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222']}
                postgresql:
                  listen: 10.0.0.1:5432
                  data_dir: /d
                  authentication: {replication: {username: replicator, password: x}}
                """);
        List<EffectiveConfig.Row> rows = EffectiveConfig.of(
                LocalConfig.read(Optional.of(file), Map.of()),
                "{\"ttl\":30,\"loop_wait\":20,\"retry_timeout\":10}",
                Map.of());
        assertRow(rows, "loop_wait", "10", "cluster-wide configuration, adjusted: it says 20");
    }

    @Test
    void whatBothMaySayHasOneRow() throws Exception {
        String cluster =
                "{\"postgresql\": {\"parameters_replica\": {\"work_mem\": \"8MB\"}, \"use_pg_rewind\": true, \"pg_ctl_timeout\": 7, \"use_unix_socket\": true}}";
        LocalConfig local = LocalConfig.read(Optional.of(Files.writeString(dir.resolve("n1.yml"), """
                        scope: demo
                        name: n1
                        restapi: {listen: '10.0.0.1:8008'}
                        raft: {data_dir: /r, self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222']}
                        postgresql:
                          listen: 10.0.0.1:5432
                          data_dir: /d
                          authentication: {replication: {username: replicator, password: x}}
                          use_pg_rewind: false
                          parameters_primary: {work_mem: 4MB}
                        """)), Map.of());
        List<EffectiveConfig.Row> rows = EffectiveConfig.of(local, cluster, Map.of());
        assertRow(rows, "postgresql.use_pg_rewind", "false", local.origin("postgresql.use_pg_rewind"));
        assertRow(rows, "postgresql.pg_ctl_timeout", "7", "cluster-wide configuration");
        assertRow(rows, "postgresql.use_unix_socket", "true", "cluster-wide configuration");
        assertRow(
                rows,
                "postgresql.parameters_primary",
                "{\"work_mem\":\"4MB\"}",
                local.origin("postgresql.parameters_primary"));
        assertRow(rows, "postgresql.parameters_replica", "{\"work_mem\":\"8MB\"}", "cluster-wide configuration");
        assertEquals(
                rows.stream().map(EffectiveConfig.Row::key).distinct().count(), rows.size(), "each key has one row");
    }

    private static void assertRow(List<EffectiveConfig.Row> rows, String key, String value, String source) {
        List<EffectiveConfig.Row> found =
                rows.stream().filter(r -> r.key().equals(key)).toList();
        assertEquals(List.of(new EffectiveConfig.Row(key, value, source)), found, key);
    }
}
