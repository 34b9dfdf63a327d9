package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.StandbyCluster;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StandbyClusterSectionTest {
    private static StandbyCluster read(String section) {
        String json = "{\"standby_cluster\": " + section + "}";
        assertEquals(List.of(), DynamicConfigJson.validate(json));
        return DynamicConfigJson.parse(json).standbyCluster().orElseThrow();
    }

    @Test
    void everythingIsRead() {
        assertEquals(
                new StandbyCluster(
                        "10.0.0.1,10.0.0.2",
                        "5432,5433",
                        "site_b",
                        "cp %f",
                        "clean %r",
                        "5min",
                        List.of("mine", "basebackup")),
                read("""
                        {"host": ["10.0.0.1", "10.0.0.2"], "port": "5432, 5433", "primary_slot_name": "site_b",
                         "restore_command": "cp %f", "archive_cleanup_command": "clean %r",
                         "recovery_min_apply_delay": "5min", "create_replica_methods": ["mine", "basebackup"]}"""));
    }

    @Test
    void whatIsNotGivenIsTheUsual() {
        assertEquals(new StandbyCluster("a", "5432", "", "", "", "", List.of()), read("{\"host\": \"a\"}"));
        assertEquals(new StandbyCluster("localhost", "5555", "", "", "", "", List.of()), read("{\"port\": 5555}"));
        assertEquals(
                new StandbyCluster("", "5432", "", "cp", "", "", List.of()), read("{\"restore_command\": \"cp\"}"));
        for (String nothing : List.of("null", "{}", "false")) {
            assertEquals(
                    Optional.empty(),
                    DynamicConfigJson.parse("{\"standby_cluster\": " + nothing + "}")
                            .standbyCluster());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"primary_slot_name": "a"} | names no source
            {"host": "a", "port": "x"} | is not a port
            {"host": "a,b,c", "port": "1,2"} | has 2 ports for 3 hosts
            {"host": "a", "primary_slot_name": "A-b"} | no name of a replication slot
            {"host": "a", "hosts": "b"} | standby_cluster.hosts
            {"host": "a", "restore_command": ["x"]} | is not a text
            "remote" | is not a map
            """)
    void mistakesAreRefusedAndWhatStandsInTheStoreNeverMakesAPrimary(String section, String problem) {
        String json = "{\"standby_cluster\": " + section + "}";
        String said = DynamicConfigJson.validate(json).toString();
        assertTrue(said.contains(problem), said);
        assertTrue(DynamicConfigJson.parse(json).standbyCluster().isPresent());
    }
}
