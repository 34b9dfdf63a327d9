package dev.matriarch.agent.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.SafetyMargin;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WatchdogSectionTest {
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
    Path dir;

    private WatchdogConfig load(String yaml) throws IOException, ConfigProblems {
        return ConfigFile.load(Files.writeString(dir.resolve("m.yml"), MINIMAL + yaml), Map.of())
                .watchdog();
    }

    private String problem(String yaml) {
        return assertThrows(ConfigProblems.class, () -> load(yaml)).getMessage();
    }

    @Test
    void defaultsArePatronisExceptForTheMargin() throws Exception {
        assertEquals(
                new WatchdogConfig(
                        WatchdogConfig.Mode.AUTOMATIC, Path.of("/dev/watchdog"), new SafetyMargin.Narrowest()),
                load(""));
    }

    @Test
    void everySpellingOfTheModes() throws Exception {
        for (String off : new String[] {"off", "false", "disabled", "'off'"}) {
            assertEquals(
                    WatchdogConfig.Mode.OFF,
                    load("watchdog: {mode: " + off + "}\n").mode());
        }
        assertEquals(
                WatchdogConfig.Mode.AUTOMATIC, load("watchdog: {mode: auto}\n").mode());
        assertEquals(
                new WatchdogConfig(
                        WatchdogConfig.Mode.REQUIRED,
                        Path.of("/dev/watchdog1"),
                        new SafetyMargin.Of(Duration.ofSeconds(5))),
                load("watchdog: {mode: required, device: /dev/watchdog1, safety_margin: 5, driver: default}\n"));
        assertEquals(
                new SafetyMargin.HalfTheTtl(),
                load("watchdog: {safety_margin: -1}\n").margin());
    }

    @Test
    void wrongValuesAreNamed() {
        assertTrue(problem("watchdog: {mode: always}\n").contains("is none of off, automatic and required"));
        assertTrue(problem("watchdog: {safety_margin: -2}\n").contains("-1 (half the ttl)"));
        assertTrue(problem("watchdog: {devise: /dev/x}\n").contains("watchdog.device"));
        assertTrue(problem("watchdog: {driver: testing}\n").contains("watchdog.driver"));
    }

    @Test
    void requiredWatchdogThatTheTimingRulesOutIsRefusedAtStart() throws Exception {
        String dcs = "bootstrap: {dcs: {ttl: 5, loop_wait: 1, retry_timeout: 2}}\n";
        String text = problem(dcs + "watchdog: {mode: required, safety_margin: 5}\n");
        assertTrue(text.contains("Watchdog not supported because leader TTL 5 s leaves a time-out of 0 s"), text);
        load(dcs + "watchdog: {mode: required}\n");
        load(dcs + "watchdog: {mode: automatic, safety_margin: 5}\n");
    }
}
