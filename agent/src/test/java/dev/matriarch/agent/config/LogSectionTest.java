package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.log.LogConfig;
import dev.matriarch.agent.log.LogFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LogSectionTest {
    private static final String MINIMAL = """
            scope: demo
            name: n1
            restapi: {listen: '10.0.0.1:8008'}
            raft: {data_dir: /var/lib/demo/raft, self_addr: '10.0.0.1:2222'}
            postgresql:
              listen: 10.0.0.1:5432
              data_dir: /var/lib/demo/data
              authentication:
                superuser: {username: postgres, password: s}
                replication: {username: replicator, password: r}
            """;

    @TempDir
    private Path dir;

    @Test
    void nothingGivenIsPatronisStandard() throws Exception {
        LogConfig log = read("{}", Map.of());
        assertEquals(LogConfig.standard("INFO"), log);
    }

    @Test
    void jsonTakesAListOfFieldsAndWhatTheyAreCalled() throws Exception {
        LogConfig log = read(
                "{type: json, format: [message, {levelname: level, asctime: '@timestamp'}], static_fields: {app: patroni}}",
                Map.of());
        assertTrue(log.json());
        assertEquals(
                LogFormat.fields(List.of(
                        Map.entry("message", "message"),
                        Map.entry("levelname", "level"),
                        Map.entry("asctime", "@timestamp"))),
                log.format());
        assertEquals(Map.of("app", "patroni"), log.staticFields());
    }

    @Test
    void variablesSayTheSame() throws Exception {
        LogConfig log = read(
                "{}",
                Map.of(
                        "PATRONI_LOG_TYPE", "json",
                        "PATRONI_LOG_FORMAT", "message, levelname",
                        "PATRONI_LOG_STATIC_FIELDS", "{app: patroni}",
                        "PATRONI_LOG_MODE", "0640",
                        "PATRONI_LOG_DEDUPLICATE_HEARTBEAT_LOGS", "false"));
        assertEquals(
                LogFormat.fields(List.of(Map.entry("message", "message"), Map.entry("levelname", "levelname"))),
                log.format());
        assertEquals(Map.of("app", "patroni"), log.staticFields());
        assertEquals(Optional.of(0640), log.mode());
        assertFalse(log.deduplicate());
    }

    @Test
    void modesAreReadAsPatroniReadsThem() throws Exception {
        for (String octal : List.of("0640", "'0640'", "0o640", "416")) {
            assertEquals(
                    Optional.of(0640),
                    read("{dir: /var/log, mode: " + octal + "}", Map.of()).mode(),
                    octal);
        }
    }

    @Test
    void whatCannotBeWrittenIsRefused() throws Exception {
        assertRefused("{format: '%(lineno)d'}", "log.format");
        assertRefused("{format: [message]}", "log.format");
        assertRefused("{type: json, format: [massage]}", "massage");
        assertRefused("{type: xml}", "log.type");
        assertRefused("{dateformat: '%Q'}", "%Q");
        assertRefused("{mode: '0999'}", "log.mode");
        assertRefused("{mode: 512}", "log.mode");
        assertRefused("{static_fields: [a]}", "log.static_fields");
        assertRefused("{max_queue_size: 1}", "log.max_queue_size");
    }

    private void assertRefused(String section, String part) {
        String message = assertThrows(ConfigProblems.class, () -> read(section, Map.of()))
                .getMessage();
        assertTrue(message.contains(part), message);
    }

    private LogConfig read(String section, Map<String, String> environment) throws IOException, ConfigProblems {
        return ConfigFile.load(Files.writeString(dir.resolve("m.yml"), MINIMAL + "log: " + section + "\n"), environment)
                .log();
    }
}
