package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What the cluster and one member say of the server's files, put together. */
class LayeredFilesTest {
    private static final List<String> NO_WARNINGS = new ArrayList<>();

    private static ServerFiles member(String json, List<String> warnings) throws Exception {
        ObjectNode node = (ObjectNode) new ObjectMapper().readTree(json);
        Findings findings = new Findings(key -> "file");
        ServerFiles files = ServerFiles.read(new Section(findings, "postgresql", node), warnings);
        assertEquals(List.of(), findings.problems());
        return files;
    }

    @Test
    void aMembersOwnWinKeyByKey() throws Exception {
        DynamicConfig cluster = DynamicConfigJson.parse("""
                {"postgresql": {"pg_hba": ["all"], "pg_hba_replica": ["replicas"], "pg_ident": ["m a b"],
                  "parameters_replica": {"Work_Mem": "1MB", "a.b": true}, "custom_conf": "all.conf",
                  "recovery_conf": {"restore_command": "all"}}}""");
        assertEquals(
                List.of(),
                DynamicConfigJson.validate("{\"postgresql\": {\"pg_hba\": [\"all\"], \"custom_conf\": \"x\"}}"));
        ServerFiles files = cluster.files()
                .under(member(
                        "{\"pg_hba\": [\"own\"], \"parameters_replica\": {\"work_mem\": \"2MB\"}, \"custom_conf\": \"own\"}",
                        NO_WARNINGS));
        assertEquals(List.of("own"), files.hba(ServerFiles.Role.PRIMARY));
        assertEquals(List.of("replicas"), files.hba(ServerFiles.Role.REPLICA));
        assertEquals(List.of("m a b"), files.ident(ServerFiles.Role.STANDBY_LEADER));
        assertEquals(Map.of("work_mem", "2MB"), files.parameters(ServerFiles.Role.REPLICA));
        assertEquals(Map.of(), files.parameters(ServerFiles.Role.PRIMARY));
        assertEquals(Map.of("restore_command", "all"), files.recovery());
        assertEquals(Optional.of("own"), files.customConf());
        assertTrue(files.dependsOnRole());
        assertEquals(Map.of("work_mem", "1MB", "a.b", "on"), cluster.files().parameters(ServerFiles.Role.REPLICA));
        assertFalse(ServerFiles.NONE.dependsOnRole());
    }

    @Test
    void whatIsNotForThemToSayIsIgnoredWithAWarning() throws Exception {
        List<String> warnings = new ArrayList<>();
        ServerFiles files = member("""
                {"parameters_primary": {"max_connections": 200, "synchronous_standby_names": "x", "work_mem": "1MB"},
                 "recovery_conf": {"recovery_target_time": "yesterday", "primary_conninfo": "host=x",
                   "promote_trigger_file": "/tmp/x", "recovery_end_command": "true"}}""", warnings);
        assertEquals(Map.of("work_mem", "1MB"), files.parameters(ServerFiles.Role.PRIMARY));
        assertEquals(Map.of("recovery_end_command", "true"), files.recovery());
        assertEquals(5, warnings.size(), warnings::toString);
    }

    @Test
    void whatIsWrongInAStoreIsLeftOut() {
        DynamicConfigJson.Parsed parsed = DynamicConfigJson.read(
                "{\"postgresql\": {\"pg_hba\": \"all\", \"recovery_conf\": [], \"pg_ident\": [\"m a b\"]}}",
                DynamicConfigJson.STANDARD);
        assertEquals(List.of(), parsed.config().files().hba(ServerFiles.Role.PRIMARY));
        assertEquals(List.of("m a b"), parsed.config().files().ident(ServerFiles.Role.PRIMARY));
        assertEquals(2, parsed.warnings().size(), parsed.warnings()::toString);
        assertEquals(
                2,
                DynamicConfigJson.validate("{\"postgresql\": {\"pg_hba\": \"all\", \"recovery_conf\": []}}")
                        .size());
    }
}
