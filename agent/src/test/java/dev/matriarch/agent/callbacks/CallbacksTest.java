package dev.matriarch.agent.callbacks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.config.ScriptsConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real scripts: what they are told, who ends whom, and what they see of the agent's environment. */
@Timeout(30)
class CallbacksTest {
    @TempDir
    Path directory;

    private Path log;

    @BeforeEach
    void here() {
        log = directory.resolve("log");
    }

    private List<String> script(String name, String body) throws IOException {
        Path file = directory.resolve(name);
        Files.writeString(file, "#!/bin/sh\n" + body + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
        return List.of(file.toString(), "first word");
    }

    private Callbacks callbacks(String primaryWord, Map<String, List<String>> commands) {
        ScriptsConfig config = new ScriptsConfig(commands, primaryWord, List.of(), List.of());
        return new Callbacks(() -> config, "demo");
    }

    private void awaitLog(String expected) throws Exception {
        long end = System.nanoTime() + 10_000_000_000L;
        while (!read().equals(expected) && System.nanoTime() - end < 0) {
            Thread.sleep(10);
        }
        assertEquals(expected, read());
    }

    private String read() throws IOException {
        return Files.exists(log) ? Files.readString(log) : "";
    }

    @Test
    void scriptIsToldActionRoleAndScopeAfterItsOwnWords() throws Exception {
        List<String> echo = script("echo", "echo \"$1|$2|$3|$4\" >>" + log);
        try (Callbacks callbacks = callbacks("primary", Map.of("on_start", echo, "on_role_change", echo))) {
            callbacks.happened(Action.STARTED, Role.REPLICA);
            awaitLog("first word|on_start|replica|demo\n");
            callbacks.happened(Action.PROMOTED, Role.PRIMARY);
            awaitLog("first word|on_start|replica|demo\nfirst word|on_role_change|primary|demo\n");
        }
    }

    @Test
    void oldScriptsHearOfAMaster() throws Exception {
        List<String> echo = script("echo", "echo $3 >>" + log);
        try (Callbacks callbacks = callbacks("master", Map.of("on_start", echo))) {
            callbacks.happened(Action.SEEN, Role.PRIMARY);
            awaitLog("master\n");
        }
    }

    @Test
    void newCallbackEndsTheOldOneWithItsChildren() throws Exception {
        // It and its child do not heed SIGTERM.
        List<String> slow =
                script("slow", "trap '' TERM; (trap '' TERM; sleep 60) & echo $! >" + directory + "/child; wait");
        List<String> echo = script("echo", "echo $2 >>" + log);
        try (Callbacks callbacks = callbacks("primary", Map.of("on_stop", slow, "on_role_change", echo))) {
            callbacks.happened(Action.SEEN, Role.PRIMARY);
            callbacks.stopped();
            long end = System.nanoTime() + 10_000_000_000L;
            Path child = directory.resolve("child");
            while ((!Files.exists(child) || Files.readString(child).isBlank()) && System.nanoTime() - end < 0) {
                Thread.sleep(10);
            }
            long pid = Long.parseLong(Files.readString(child).strip());
            assertTrue(ProcessHandle.of(pid).isPresent());
            callbacks.happened(Action.STARTED, Role.REPLICA);
            awaitLog("on_role_change\n");
            while (dev.matriarch.agent.postgres.linux.LinuxProcess.find(pid).isPresent()
                    && System.nanoTime() - end < 0) {
                Thread.sleep(10);
            }
            assertTrue(dev.matriarch.agent.postgres.linux.LinuxProcess.find(pid).isEmpty(), "the child lives");
        }
    }

    @Test
    void reloadGoesBesideTheOthers() throws Exception {
        List<String> slow = script("slow", "sleep 1; echo started >>" + log);
        List<String> echo = script("echo", "echo $2 >>" + log);
        try (Callbacks callbacks = callbacks("primary", Map.of("on_start", slow, "on_reload", echo))) {
            callbacks.happened(Action.STARTED, Role.REPLICA);
            callbacks.reloaded();
            awaitLog("on_reload\nstarted\n");
        }
    }

    @Test
    void scriptsSeeNoneOfTheAgentsSettings() {
        Map<String, String> environment = new java.util.HashMap<>(Map.of(
                "PATRONI_SUPERUSER_PASSWORD", "x",
                "MATRIARCH_NAME", "x",
                "PGPASSWORD", "x",
                "NOTIFY_SOCKET", "x",
                "KUBERNETES_SERVICE_HOST", "h",
                "PATH", "/bin"));
        dev.matriarch.agent.postgres.ChildEnvironment.scrub(environment);
        assertEquals(java.util.Set.of("PATH", "KUBERNETES_SERVICE_HOST"), environment.keySet());
    }

    @Test
    void hookAnswersByItsExitCode() throws Exception {
        assertTrue(Hook.run("pre_promote", List.of(), Duration.ofSeconds(5)));
        assertTrue(Hook.run("pre_promote", script("good", "exit 0"), Duration.ofSeconds(5)));
        assertFalse(Hook.run("pre_promote", script("bad", "exit 3"), Duration.ofSeconds(5)));
        assertFalse(Hook.run("pre_promote", List.of(directory + "/missing"), Duration.ofSeconds(5)));
    }

    @Test
    void hookThatHangsIsEnded() throws Exception {
        long begun = System.nanoTime();
        assertFalse(Hook.run("pre_promote", script("slow", "sleep 60"), Duration.ofMillis(200)));
        assertTrue(System.nanoTime() - begun < 5_000_000_000L);
    }
}
