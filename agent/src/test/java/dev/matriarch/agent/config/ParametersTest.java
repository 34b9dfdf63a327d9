package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ParametersTest {
    private static PostgresConfig local(Map<String, String> parameters) {
        PostgresConfig.Role role = new PostgresConfig.Role("postgres", Optional.empty());
        return new PostgresConfig(
                List.of("10.0.0.1", "127.0.0.1"),
                5433,
                new HostPort("10.0.0.1", 5433),
                Path.of("/d"),
                Optional.empty(),
                Path.of("/p"),
                role,
                role,
                role,
                parameters,
                List.of(),
                List.of(),
                ServerHandling.NONE,
                List.of(),
                List.of(dev.matriarch.agent.config.ReplicaMethod.BASEBACKUP));
    }

    private static Parameters effective(String dynamic, Map<String, String> local, int version) {
        return Parameters.effective(DynamicConfigJson.parse(dynamic), local(local), "demo", version);
    }

    @Test
    void localWinsForOrdinaryParametersOnly() {
        Parameters p = effective(
                "{\"postgresql\":{\"parameters\":{\"work_mem\":\"4MB\",\"shared_buffers\":\"1GB\",\"max_connections\":200,"
                        + "\"a.b\":\"x\"}}}",
                Map.of("work_mem", "8MB", "max_connections", "300"),
                150000);
        assertEquals("8MB", p.inFile().get("work_mem"));
        assertEquals("1GB", p.inFile().get("shared_buffers"));
        assertEquals("x", p.inFile().get("a.b"));
        assertEquals("200", p.inFile().get("max_connections"));
        assertEquals("200", p.onCommandLine().get("max_connections"));
        assertEquals("10.0.0.1,127.0.0.1", p.onCommandLine().get("listen_addresses"));
        assertEquals("5433", p.onCommandLine().get("port"));
        assertEquals("demo", p.onCommandLine().get("cluster_name"));
        assertEquals("on", p.onCommandLine().get("wal_log_hints"));
        assertFalse(p.onCommandLine().containsKey("wal_keep_size"));
        assertEquals("128MB", p.inFile().get("wal_keep_size"));
        assertFalse(p.inFile().containsKey("wal_keep_segments"));
    }

    @Test
    void whatTheClusterMustAgreeOnKeepsItsMinimum() {
        Parameters p = effective(
                "{\"postgresql\":{\"parameters\":{\"max_wal_senders\":1,\"wal_level\":\"minimal\",\"wal_keep_segments\":4,"
                        + "\"port\":1}}}",
                Map.of(),
                150000);
        assertEquals("10", p.onCommandLine().get("max_wal_senders"));
        assertEquals("replica", p.onCommandLine().get("wal_level"));
        assertEquals("64MB", p.inFile().get("wal_keep_size"));
        assertEquals("5433", p.inFile().get("port"));
        assertEquals(3, p.warnings().size(), p.warnings()::toString);
        assertEquals("8", effective("{}", Map.of(), 120000).inFile().get("wal_keep_segments"));
    }

    @Test
    void synchronousStandbysBelongToTheAgentWhileTheModeIsOn() {
        Map<String, String> local = Map.of("synchronous_standby_names", "x");
        assertEquals("x", effective("{}", local, 150000).inFile().get("synchronous_standby_names"));
        Parameters broken = effective("{}", Map.of("synchronous_standby_names", "FIRST 1 (a,"), 150000);
        assertFalse(broken.inFile().containsKey("synchronous_standby_names"));
        assertTrue(broken.warnings().getFirst().contains("is no list that PostgreSQL would take"));
        assertTrue(effective("{\"synchronous_mode\":\"quorum\"}", local, 150000)
                .warnings()
                .getFirst()
                .contains("synchronous_standby_names"));
    }

    @Test
    void olderNamesMeanTheSame() {
        String old = "{\"postgresql\":{\"parameters\":{\"wal_level\":\"hot_standby\",\"wal_keep_size\":\"1GB\"}}}";
        assertEquals("replica", effective(old, Map.of(), 150000).onCommandLine().get("wal_level"));
        assertEquals("1GB", effective(old, Map.of(), 150000).inFile().get("wal_keep_size"));
        assertEquals("64", effective(old, Map.of(), 120000).inFile().get("wal_keep_segments"));
        assertEquals(List.of(), effective(old, Map.of(), 150000).warnings());
        assertEquals(
                "logical",
                effective("{\"postgresql\":{\"parameters\":{\"wal_level\":\"Logical\"}}}", Map.of(), 150000)
                        .onCommandLine()
                        .get("wal_level"));
    }

    @Test
    void eachVersionGetsTheNameAndUnitThatItKnows() {
        assertEquals(Map.of("wal_keep_size", "128MB"), Parameters.of(15, Map.of()));
        assertEquals(Map.of("wal_keep_size", "64MB"), Parameters.of(13, Map.of("wal_keep_segments", "4")));
        assertEquals(
                Map.of("wal_keep_size", "1GB"),
                Parameters.of(15, Map.of("wal_keep_segments", "4", "wal_keep_size", "1GB")));
        assertEquals(Map.of("wal_keep_segments", "8"), Parameters.of(12, Map.of()));
        assertEquals(Map.of("wal_keep_segments", "64"), Parameters.of(12, Map.of("wal_keep_size", "1GB")));
        assertEquals(Map.of("wal_keep_segments", "7"), Parameters.of(12, Map.of("wal_keep_size", "105")));
    }

    @Test
    void valuesBelowTheMinimumAreReplacedByTheDefault() {
        Map.of(
                        "max_connections",
                        25,
                        "max_wal_senders",
                        3,
                        "max_replication_slots",
                        4,
                        "max_worker_processes",
                        2,
                        "max_locks_per_transaction",
                        32,
                        "max_prepared_transactions",
                        0)
                .forEach((name, least) -> {
                    String standard = effective("{}", Map.of(), 150000).inFile().get(name);
                    assertEquals(Integer.toString(least), with(name, least), name);
                    assertEquals(standard, with(name, least - 1), name);
                });
    }

    private static String with(String name, int value) {
        return effective("{\"postgresql\":{\"parameters\":{\"" + name + "\":" + value + "}}}", Map.of(), 150000)
                .onCommandLine()
                .get(name);
    }
}
