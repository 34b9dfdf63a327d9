package dev.matriarch.agent.service;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The predecessors are shells whose command line ends like an agent's. */
class PredecessorTest {
    @TempDir
    Path dir;

    private Process agent(String onSignal, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                "bash",
                "-c",
                "trap '" + onSignal + "' USR1; echo ready; while :; do read -r -t 0.05 <> <(:) || :; done",
                "dev.matriarch.agent.Matriarch"));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).directory(dir.toFile()).start();
        assertTrue(process.inputReader().readLine().equals("ready"));
        return process;
    }

    @Test
    void theAgentWithTheSameFileIsAskedToLeaveAndWaitedFor() throws Exception {
        Process wanted = agent("exit 0", "pg1.yml");
        Process other = agent("exit 0", dir.resolve("pg2.yml").toString());
        Process onlyLooks = agent("exit 0", "--validate-config", "pg1.yml");
        try {
            Predecessor.leave(dir.resolve("pg1.yml"), Duration.ofSeconds(20));
            assertTrue(wanted.waitFor(1, TimeUnit.SECONDS));
            assertFalse(other.waitFor(100, TimeUnit.MILLISECONDS));
            assertTrue(onlyLooks.isAlive());
            // There is none any more.
            Predecessor.leave(dir.resolve("pg1.yml"), Duration.ofSeconds(20));
        } finally {
            wanted.destroyForcibly();
            other.destroyForcibly();
            onlyLooks.destroyForcibly();
        }
    }

    @Test
    void anAgentThatCannotLeaveYetStaysAndIsNamed() throws Exception {
        Process busy = agent(":", "pg1.yml");
        try {
            String text = assertThrows(
                            IOException.class, () -> Predecessor.leave(dir.resolve("pg1.yml"), Duration.ofMillis(200)))
                    .getMessage();
            assertTrue(text.contains(Long.toString(busy.pid())), text);
            assertTrue(busy.isAlive());
        } finally {
            busy.destroyForcibly();
        }
    }
}
