package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where a configuration may come from. */
class SourcesTest {
    private static final String DOCUMENT = """
            scope: demo
            name: n1
            restapi: {listen: '10.0.0.1:8008'}
            raft: {data_dir: /r, self_addr: '10.0.0.1:2222', partner_addrs: ['10.0.0.2:2222']}
            postgresql:
              listen: 10.0.0.1:5432
              data_dir: /d
              authentication: {replication: {username: replicator, password: x}}
            """;

    @TempDir
    Path dir;

    @Test
    void aWholeDocumentInTheEnvironmentIsTheOnlySource() throws Exception {
        Map<String, String> environment = Map.of("PATRONI_CONFIGURATION", DOCUMENT, "PATRONI_NAME", "n9");
        assertEquals(
                "n1", LocalConfig.read(Optional.empty(), environment).config().name());
        // A path that leads nowhere does not count.
        assertEquals(
                "n1",
                LocalConfig.read(Optional.of(dir.resolve("absent")), environment)
                        .config()
                        .name());
        ConfigProblems e = assertThrows(
                ConfigProblems.class,
                () -> LocalConfig.read(
                        Optional.empty(), Map.of("PATRONI_CONFIGURATION", DOCUMENT + "nonsense: true\n")));
        assertTrue(
                e.getMessage().contains("environment variable PATRONI_CONFIGURATION, line 9: nonsense"), e::getMessage);
    }

    @Test
    void aFileThatIsThereWinsOverTheWholeDocument() throws Exception {
        Path file = Files.writeString(dir.resolve("a.yml"), DOCUMENT.replace("n1", "n2"));
        Map<String, String> environment = Map.of("PATRONI_CONFIGURATION", DOCUMENT, "PATRONI_NAMESPACE", "/x");
        AgentConfig config = LocalConfig.read(Optional.of(file), environment).config();
        assertEquals("n2", config.name());
        assertEquals("/x", config.namespace());
    }

    @Test
    void variablesAloneAreEnough() throws Exception {
        AgentConfig config = LocalConfig.read(
                        Optional.empty(),
                        Map.of(
                                "PATRONI_SCOPE", "demo",
                                "PATRONI_NAME", "n1",
                                "PATRONI_RESTAPI_LISTEN", "10.0.0.1:8008",
                                "PATRONI_RAFT_DATA_DIR", "/r",
                                "PATRONI_RAFT_SELF_ADDR", "10.0.0.1:2222",
                                "PATRONI_POSTGRESQL_LISTEN", "10.0.0.1:5432",
                                "PATRONI_POSTGRESQL_DATA_DIR", "/d",
                                "PATRONI_REPLICATION_USERNAME", "replicator"))
                .config();
        assertEquals("demo", config.scope());
    }

    @Test
    void nothingAtAllIsSaid() {
        ConfigProblems e =
                assertThrows(ConfigProblems.class, () -> LocalConfig.read(Optional.empty(), Map.of("HOME", "/")));
        assertTrue(e.getMessage().contains("Config is empty."), e::getMessage);
    }

    @Test
    void everyVariableLeadsToItsKeyAndBack() {
        Map<String, String> some = new LinkedHashMap<>();
        some.put("PATRONI_SCOPE", "scope");
        some.put("PATRONI_LOG_LEVEL", "log.level");
        some.put("PATRONI_RESTAPI_USERNAME", "restapi.authentication.username");
        some.put("PATRONI_CTL_PASSWORD", "ctl.authentication.password");
        some.put("PATRONI_RAFT_PARTNER_ADDRS", "raft.partner_addrs");
        some.put("PATRONI_POSTGRESQL_BIN_PG_REWIND", "postgresql.bin_name.pg_rewind");
        some.put("PATRONI_REWIND_PASSWORD", "postgresql.authentication.rewind.password");
        some.put("PATRONI_CONSUL_SCHEME", "consul.scheme");
        some.forEach((variable, key) -> {
            assertEquals(Optional.of(List.of(key.split("\\."))), Environment.keyOf(variable));
            assertEquals(Optional.of(variable), Environment.variableFor(key));
        });
        assertEquals(Optional.of(List.of("log", "level")), Environment.keyOf("PATRONI_LOGLEVEL"));
        assertEquals(
                Optional.of(List.of("kubernetes", "retriable_http_codes")),
                Environment.keyOf("PATRONI_RETRIABLE_HTTP_CODES"));
        assertEquals(Optional.empty(), Environment.keyOf("PATRONI_CONFIGURATION"));
        assertEquals(Optional.empty(), Environment.variableFor("watchdog.mode"));
    }

    private Problem onlyWith(String variable, String value) throws Exception {
        Path file = Files.writeString(dir.resolve("a.yml"), DOCUMENT);
        ConfigProblems e = assertThrows(
                ConfigProblems.class, () -> LocalConfig.read(Optional.of(file), Map.of(variable, value)), variable);
        assertEquals(1, e.problems().size(), e::getMessage);
        return e.problems().getFirst();
    }

    @Test
    void aVariableForSomethingThatIsNotThereIsRefusedByName() throws Exception {
        for (String variable : List.of(
                "PATRONI_RAFT_PASSWORD",
                "PATRONI_THREAD_POOL_SIZE",
                "PATRONI_RESTAPI_CERTFILE",
                "PATRONI_RESTAPI_THREAD_POOL_SIZE")) {
            Problem problem = onlyWith(variable, "7");
            assertEquals("environment variable " + variable, problem.source());
            assertEquals(Optional.empty(), problem.didYouMean());
        }
        assertEquals(
                Optional.of("postgresql.listen"),
                onlyWith("PATRONI_POSTGRESQL_LISTN", "x").didYouMean());
    }

    @Test
    void whatKubernetesTellsOfServicesIsNotForUs() throws Exception {
        Path file = Files.writeString(dir.resolve("a.yml"), DOCUMENT);
        LocalConfig.read(
                Optional.of(file),
                Map.of(
                        "PATRONI_ETCD_SERVICE_HOST", "10.1.1.1",
                        "PATRONI_ETCD_SERVICE_PORT", "2379",
                        "PATRONI_ETCD_PORT", "tcp://10.1.1.1:2379",
                        "PATRONI_ETCD_PORT_2379_TCP_ADDR", "10.1.1.1"));
    }
}
