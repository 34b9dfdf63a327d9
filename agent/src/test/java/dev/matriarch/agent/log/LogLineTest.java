package dev.matriarch.agent.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LoggingEvent;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class LogLineTest {
    private static final Instant AT = Instant.parse("2026-02-03T10:00:00.123Z");

    @Test
    void plainLinesLookAsPatronis() {
        assertEquals(
                "2026-02-03 10:00:00,123 WARNING: a \"quote\"" + System.lineSeparator(),
                line(plain(LogFormat.STANDARD), null));
    }

    @Test
    void widthsAndFieldsAreThoseOfPython() {
        long pid = ProcessHandle.current().pid();
        assertEquals(
                "[WARNING   ]  30 " + pid + " Heartbeat dev.matriarch.Heartbeat 123 1770112800.123 100%"
                        + System.lineSeparator(),
                line(
                        plain(
                                "[%(levelname)-10s] %(levelno)3d %(process)d %(module)s %(name)s %(msecs)03d %(created)s 100%%"),
                        null));
        assertEquals(
                "1770112800.123000 beat WAR" + System.lineSeparator(),
                line(plain("%(created)f %(threadName)s %(levelname).3s"), null));
    }

    @Test
    void whatIsNoFieldIsNamed() {
        assertMessage("lineno", "%(lineno)d");
        assertMessage("no field", "hello");
        assertMessage("begins no field", "%(message)s 100%");
        assertMessage("as %x", "%(process)x");
        assertMessage("as %d", "%(message)d");
    }

    @Test
    void jsonHasFieldsByTheirNewNamesAndTheStaticOnes() throws Exception {
        LogFormat format = LogFormat.fields(
                List.of(Map.entry("message", "msg"), Map.entry("levelname", "levelname"), Map.entry("asctime", "@t")));
        String line = line(config(true, true, format, Map.of("app", "pg", "n", 1)), null);
        JsonNode json = new ObjectMapper().readTree(line);
        assertEquals("a \"quote\"", json.path("msg").asText());
        assertEquals("WARNING", json.path("levelname").asText());
        assertEquals("2026-02-03 10:00:00,123", json.path("@t").asText());
        assertEquals("pg", json.path("app").asText());
        assertEquals(1, json.path("n").asInt());
        assertEquals(5, json.size());
        assertEquals(1, line.lines().count());
    }

    @Test
    void jsonOfAPlainFormatHasItsFields() throws Exception {
        JsonNode json = new ObjectMapper()
                .readTree(line(config(true, true, LogFormat.standard(), Map.of()), new Exception("x")));
        assertEquals(4, json.size());
        assertTrue(json.path("exc_info").asText().startsWith("java.lang.Exception: x\n"), json.toString());
    }

    @Test
    void exceptionsHaveTheirStackOrOneLine() {
        String whole = line(plain(LogFormat.STANDARD), new IllegalStateException("broken"));
        assertTrue(whole.lines().count() > 3, whole);
        String brief = line(config(false, false, LogFormat.standard(), Map.of()), new IllegalStateException("broken"));
        assertEquals(
                "DETAIL: java.lang.IllegalStateException: broken",
                brief.lines().toList().get(1));
        assertEquals(2, brief.lines().count());
    }

    private static void assertMessage(String part, String format) {
        String message = assertThrows(IllegalArgumentException.class, () -> LogFormat.parse(format))
                .getMessage();
        assertTrue(message.contains(part), message);
    }

    private static LogConfig plain(String format) {
        return config(false, true, LogFormat.parse(format), Map.of());
    }

    static LogConfig config(boolean json, boolean traces, LogFormat format, Map<String, Object> fields) {
        return new LogConfig(
                json,
                "INFO",
                traces,
                format,
                LogTime.STANDARD,
                fields,
                1000,
                Optional.empty(),
                Optional.empty(),
                1000,
                2,
                true,
                Map.of());
    }

    private static String line(LogConfig config, Exception thrown) {
        LoggerContext context = new LoggerContext();
        LoggingEvent event = new LoggingEvent(
                "x", context.getLogger("dev.matriarch.Heartbeat"), Level.WARN, "a {}", thrown, new Object[] {"\"quote\""
                });
        event.setInstant(AT);
        event.setThreadName("beat");
        return new LogLine(config, ZoneOffset.UTC).doLayout(event);
    }
}
