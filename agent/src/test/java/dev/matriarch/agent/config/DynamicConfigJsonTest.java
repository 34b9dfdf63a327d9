package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.DynamicConfig.SynchronousMode;
import dev.matriarch.agent.ha.SlotRules;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DynamicConfigJsonTest {
    @Test
    void nothingMeansTheStandardValues() {
        assertEquals(DynamicConfigJson.STANDARD, DynamicConfigJson.parse("{}"));
        assertEquals(List.of(), DynamicConfigJson.validate("{}"));
    }

    @Test
    void everythingIsRead() {
        DynamicConfig c = DynamicConfigJson.parse("""
                {"ttl": 5, "loop_wait": 0.5, "retry_timeout": "2s", "maximum_lag_on_failover": "16MB",
                 "synchronous_mode": "quorum", "synchronous_node_count": 2, "check_timeline": true, "pause": true,
                 "max_timelines_history": 7, "master_start_timeout": 10, "member_slots_ttl": "30min", "primary_race_backoff": 12, "failsafe_mode": "on",
                 "primary_stop_timeout": 8,
                 "postgresql": {"use_slots": false,
                                "parameters": {"Max_Connections": 50, "a.b": true}}}""");
        assertEquals(
                new DynamicConfig(
                        Duration.ofSeconds(5),
                        Duration.ofMillis(500),
                        Duration.ofSeconds(2),
                        16 << 20,
                        SynchronousMode.QUORUM,
                        false,
                        2,
                        -1,
                        true,
                        true,
                        7,
                        Duration.ofSeconds(10),
                        Duration.ofSeconds(8),
                        Duration.ofMinutes(30),
                        false,
                        Duration.ofSeconds(12),
                        true,
                        SlotRules.NONE,
                        Optional.empty(),
                        Map.of("max_connections", "50", "a.b", "on"),
                        ServerFiles.NONE,
                        ReplicaMaking.USUAL,
                        ServerHandling.NONE),
                c);
    }

    @Test
    void aForeignStoreIsReadAsWellAsItCanBe() {
        DynamicConfigJson.Parsed p = DynamicConfigJson.read("""
                {"ttl": 1, "loop_wait": 0, "retry_timeout": 10, "synchronous_mode": true, "pause": "maybe",
                 "slots": {"x": null}, "synchronous_node_count": 0}""", DynamicConfigJson.STANDARD);
        assertEquals(Duration.ofSeconds(3), p.config().ttl());
        assertEquals(Duration.ofMillis(500), p.config().loopWait());
        assertEquals(Duration.ofMillis(1250), p.config().retryTimeout());
        assertEquals(SynchronousMode.ON, p.config().synchronousMode());
        assertEquals(1, p.config().synchronousNodeCount());
        assertEquals(5, p.warnings().size(), p.warnings()::toString);
        DynamicConfig previous = DynamicConfigJson.parse("{\"ttl\": 77}");
        assertSame(previous, DynamicConfigJson.read("{broken", previous).config());
    }

    @Test
    void loopWaitGivesWayFirst() {
        DynamicConfig c = DynamicConfigJson.parse("{\"ttl\": 30, \"loop_wait\": 20, \"retry_timeout\": 10}");
        assertEquals(Duration.ofSeconds(10), c.loopWait());
        assertEquals(Duration.ofSeconds(10), c.retryTimeout());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"ttl\": 2.9}|ttl|at least 3 s",
                "{\"ttl\": \"soon\"}|ttl|at least 3 s",
                "{\"loop_wait\": 0.4}|loop_wait|at least 0.5 s",
                "{\"ttl\": 4, \"loop_wait\": 1, \"retry_timeout\": 2}|ttl|less than loop_wait + 2 * retry_timeout",
                "{\"synchronous_mode_strict\": 7}|synchronous_mode_strict|neither true nor false",
                "{\"maximum_lag_on_syncnode\": -2}|maximum_lag_on_syncnode|at least -1",
                "{\"synchronous_mode\": \"quorom\"}|synchronous_mode|neither off, on nor quorum",
                "{\"synchronous_node_count\": 0}|synchronous_node_count|at least 1",
                "{\"pause\": 3}|pause|neither true nor false",
                "{\"maximum_lag_on_failover\": -1}|maximum_lag_on_failover|size",
                "{\"postgresql\": {\"parameters\": {\"max_connections\": 5}}}|postgresql.parameters.max_connections|from 25",
                "{\"postgresql\": {\"parameters\": {\"wal_level\": \"minimal\"}}}|postgresql.parameters.wal_level|replica or logical",
                "{\"postgresql\": {\"pg_hba\": \"x\"}}|postgresql.pg_hba|not a list",
                "{\"standby_cluster\": {\"host\": \"a\", \"port\": \"x\"}}|standby_cluster.port|is not a port",
                "[]|configuration|not a JSON object",
                "{\"ttl\": 5} x|configuration|not a JSON object",
            })
    void whatIsAskedForIsHeldToTheRules(String json, String key, String part) {
        List<Problem> problems = DynamicConfigJson.validate(json);
        assertEquals(1, problems.size(), problems::toString);
        assertEquals(key, problems.getFirst().key());
        assertTrue(problems.getFirst().text().contains(part), problems.getFirst()::text);
    }

    @Test
    void unknownKeysAreGuessed() {
        Problem p =
                DynamicConfigJson.validate("{\"maximum_lag_on_failver\": 1}").getFirst();
        assertEquals(Optional.of("maximum_lag_on_failover"), p.didYouMean());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"ttl\": 5, \"loop_wait\": 1, \"retry_timeout\": 2}",
                "{\"ttl\": 3, \"loop_wait\": 1, \"retry_timeout\": 1, \"synchronous_mode\": false}",
                "{\"synchronous_mode\": \"on\", \"synchronous_mode_strict\": true, \"maximum_lag_on_syncnode\": \"16MB\"}",
                "{\"synchronous_mode\": true, \"synchronous_mode_strict\": \"off\", \"maximum_lag_on_syncnode\": -1}",
                "{\"ttl\": 3.5, \"loop_wait\": 0.5, \"retry_timeout\": 1.5, \"pause\": null, \"slots\": {}}",
            })
    void theProfilesAreAccepted(String json) {
        assertEquals(List.of(), DynamicConfigJson.validate(json));
    }

    @Test
    void patchesMergeAndNullDeletes() {
        assertEquals(
                "{\"ttl\":30,\"postgresql\":{\"parameters\":{\"a.b\":\"1\",\"d\":4}},\"pause\":true}",
                DynamicConfigJson.merge(
                        "{\"ttl\":20,\"loop_wait\":5,\"postgresql\":{\"parameters\":{\"a.b\":\"1\",\"c\":3}}}",
                        "{\"ttl\":30,\"loop_wait\":null,\"postgresql\":{\"parameters\":{\"c\":null,\"d\":4}},\"pause\":true}"));
        assertThrows(IllegalArgumentException.class, () -> DynamicConfigJson.merge("{}", "[]"));
    }

    @Test
    void oldProblemsDoNotStandInTheWayOfAChange() {
        String stored = "{\"standby_cluster\": {\"primary_slot_name\": \"a\"}}";
        assertEquals(List.of(), DynamicConfigJson.validateChange(stored, "{\"pause\": true}"));
        assertEquals(
                1, DynamicConfigJson.validateChange(stored, "{\"ttl\": 20}").size());
    }

    @Test
    void theCopyInTheDataDirectoryFollowsItsMode(@TempDir Path dir) throws Exception {
        assertEquals(Optional.empty(), DynamicConfigFile.read(dir));
        Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwx------"));
        DynamicConfigFile.write(dir, "{\"ttl\":5}");
        Path file = dir.resolve("patroni.dynamic.json");
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
        Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxr-x---"));
        DynamicConfigFile.write(dir, "{\"ttl\":6}");
        assertEquals(Optional.of("{\"ttl\":6}"), DynamicConfigFile.read(dir));
        assertEquals("rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
        Files.writeString(file, "garbage");
        assertEquals(Optional.empty(), DynamicConfigFile.read(dir));
    }

    @Test
    @org.junit.jupiter.api.Timeout(5)
    void aNumberTooLongToBeWrittenOutIsAProblemLikeAnyOther() {
        assertFalse(DynamicConfigJson.validate("{\"ttl\": 1e999999999}").isEmpty());
        assertFalse(DynamicConfigJson.validate("{\"ttl\": 1e-999999999}").isEmpty());
        DynamicConfigJson.validate("{\"postgresql\": {\"parameters\": {\"work_mem\": 1e999999999}}}");
    }
}
