package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.SlotRules;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SlotsSectionTest {
    @Test
    void everythingIsRead() {
        String json = """
                {"slots": {"backup": null, "feed": {"type": "physical", "cluster_type": "standby"},
                           "cdc": {"type": "logical", "database": "app", "plugin": "pgoutput"}},
                 "postgresql": {"parameters": {"wal_level": "logical"}},
                 "ignore_slots": [{"name": "x"}, {"type": "logical", "database": "d", "plugin": "p"}],
                 "member_slots_max_wal": "50GB", "member_slots_max_idle": "6h"}""";
        assertEquals(List.of(), DynamicConfigJson.validate(json));
        assertEquals(
                new SlotRules(
                        Map.of(
                                "backup",
                                SlotRules.Permanent.physical(Optional.empty()),
                                "feed",
                                SlotRules.Permanent.physical(Optional.of(SlotRules.ClusterType.STANDBY)),
                                "cdc",
                                SlotRules.Permanent.logical("app", "pgoutput")),
                        List.of(
                                new SlotRules.Matcher(
                                        Optional.of("x"), Optional.empty(), Optional.empty(), Optional.empty()),
                                new SlotRules.Matcher(
                                        Optional.empty(), Optional.of(true), Optional.of("d"), Optional.of("p"))),
                        new SlotRules.Budget(50L << 30, Duration.ofHours(6))),
                DynamicConfigJson.parse(json).slots());
    }

    @Test
    void logicalSlotsNeedTheirWalLevel() {
        String said = DynamicConfigJson.validate(
                        "{\"slots\": {\"a\": {\"type\": \"logical\", \"database\": \"d\", \"plugin\": \"p\"}}}")
                .toString();
        assertTrue(said.contains("wal_level: logical"), said);
    }

    @Test
    void theOldNamesWin() {
        String json = "{\"slots\": {\"a\": {}}, \"permanent_slots\": {\"b\": {}}}";
        assertEquals(
                java.util.Set.of("b"),
                DynamicConfigJson.parse(json).slots().permanent().keySet());
        assertEquals(
                java.util.Set.of("c"),
                DynamicConfigJson.parse("{\"permanent_replication_slots\": {\"c\": {}}}")
                        .slots()
                        .permanent()
                        .keySet());
    }

    @Test
    void offAndAutoAreSaidInWords() {
        assertEquals(
                new SlotRules.Budget(0, Duration.ZERO),
                DynamicConfigJson.parse("{\"member_slots_max_wal\": \"off\", \"member_slots_max_idle\": false}")
                        .slots()
                        .budget());
        assertEquals(
                SlotRules.Budget.STANDARD,
                DynamicConfigJson.parse("{\"member_slots_max_wal\": \"auto\"}")
                        .slots()
                        .budget());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"slots": {"Big-Name": {}}} | slots.Big-Name
            {"slots": {"a": {"type": "logical", "database": "app"}}} | needs both database and plugin
            {"slots": {"a": {"type": "both"}}} | neither physical nor logical
            {"slots": {"a": {"cluster_type": "x"}}} | neither primary nor standby
            {"slots": {"a": {"type": "logical", "database": "d", "plugin": "p", "cluster_type": "standby"}}} | only for physical
            {"slots": {"a": {"typ": "physical"}}} | slots.a.typ
            {"slots": [1]} | not a map
            {"ignore_slots": {"name": "a"}} | not a list
            {"ignore_slots": [{}]} | at least one of
            {"member_slots_max_wal": "lots"} | neither auto, off nor a size
            {"member_slots_max_idle": "soon"} | neither off nor a time
            """)
    void mistakesAreRefusedWhenAskedForAndIgnoredWhenFoundInTheStore(String json, String problem) {
        String said = DynamicConfigJson.validate(json).toString();
        assertTrue(said.contains(problem), said);
        var read = DynamicConfigJson.read(json, DynamicConfigJson.STANDARD);
        assertEquals(1, read.warnings().size(), read.warnings()::toString);
        assertEquals(
                SlotRules.Budget.STANDARD, DynamicConfigJson.parse(json).slots().budget());
    }
}
