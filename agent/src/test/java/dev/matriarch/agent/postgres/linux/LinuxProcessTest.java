package dev.matriarch.agent.postgres.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LinuxProcessTest {
    @TempDir
    private Path directory;

    @Test
    void aProcessWithAnAwkwardNameIsReadRight() throws Exception {
        Path sleep = Files.copy(Path.of("/bin/sleep"), directory.resolve("a) R 1 (b"));
        Process child = new ProcessBuilder(sleep.toString(), "60").start();
        try {
            LinuxProcess process = LinuxProcess.find(child.pid()).orElseThrow();
            String[] stat = Files.readString(Path.of("/proc", Long.toString(child.pid()), "stat"))
                    .split(" ");
            assertEquals(Long.parseLong(stat[stat.length - 52 + 21]), process.startTicks());
            assertTrue(process.isAlive() && process.isRunning());
            assertFalse(process.isStopped());
            assertTrue(LinuxProcess.find(ProcessHandle.current().pid())
                    .orElseThrow()
                    .children()
                    .contains(process));
            assertTrue(LinuxProcess.all().contains(process));
            assertFalse(new LinuxProcess(process.pid(), process.startTicks() + 1).isAlive());
        } finally {
            child.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
        }
        assertTrue(LinuxProcess.find(child.pid()).isEmpty());
    }

    @Test
    void aStoppedProcessIsAliveButDoesNotRun() throws Exception {
        Process child = new ProcessBuilder("sleep", "60").start();
        try {
            LinuxProcess process = LinuxProcess.find(child.pid()).orElseThrow();
            new ProcessBuilder("kill", "-STOP", Long.toString(child.pid()))
                    .start()
                    .waitFor(10, TimeUnit.SECONDS);
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
            while (!process.isStopped() && System.nanoTime() < deadline) {
                Thread.onSpinWait();
            }
            assertTrue(process.isStopped() && process.isAlive());
            assertFalse(process.isRunning());
        } finally {
            child.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
        }
    }
}
