package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.postgres.linux.LinuxProcess;
import dev.matriarch.agent.postgres.linux.Signal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A server whose processes are stopped, and a disk that does not answer: recognised, and nobody is held up. */
@Tag("slow")
@ExtendWith(Unprivileged.class)
class HungServerTest {
    private static final Duration SOON = Duration.ofMillis(700);
    private static final Duration BOUND = Duration.ofSeconds(4);

    @Test
    void writeCheckRecognisesStoppedProcesses() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresServer server = servers.primary("a");
            WriteCheck check = server.writeCheck();
            LinuxProcess postmaster =
                    LinuxProcess.find(server.postmasterPid().orElseThrow()).orElseThrow();
            assertEquals(WriteCheck.Finding.WRITES, check.run(BOUND));
            awaitIdle(check);

            // Waiting for standbys is no fault of this server.
            server.configuration().setSynchronousStandbyNames("ANY 1 (nobody)", BOUND);
            check.forget();
            assertEquals(WriteCheck.Finding.WRITES, check.run(BOUND));
            server.configuration().setSynchronousStandbyNames("", BOUND);

            // Commits do not need these two; they are only named.
            for (String name : List.of("walwriter", "checkpointer")) {
                LinuxProcess process = child(postmaster, name);
                stopped(List.of(process), () -> {
                    check.forget();
                    assertEquals(WriteCheck.Finding.WRITES, check.run(BOUND), name);
                    assertTrue(server.stoppedProcesses().contains(name), server.stoppedProcesses());
                });
            }
            assertEquals("", server.stoppedProcesses());

            // Only the postmaster: the agent's open session still answers, and so it looks healthy.
            assertTrue(server.observe(BOUND).isPrimary());
            stopped(List.of(postmaster), () -> {
                assertTrue(server.observe(BOUND).isPrimary());
                IOException e = assertThrows(IOException.class, () -> check.run(SOON));
                assertTrue(e.getMessage().startsWith("it takes no connections"), e.getMessage());
                assertTrue(server.stoppedProcesses().contains("the postmaster"), server.stoppedProcesses());
            });
            assertEquals(WriteCheck.Finding.WRITES, check.run(BOUND));

            // Only the probe's own backend: no reason for alarm, another one does.
            stopped(List.of(check.backend().orElseThrow()), () -> {
                assertThrows(SQLException.class, () -> check.run(SOON));
                assertEquals(WriteCheck.Finding.WRITES, check.run(BOUND));
            });

            // Everything, as if the disk did not answer: silent within the bound, but alive.
            List<LinuxProcess> all = new java.util.ArrayList<>(postmaster.children());
            all.add(postmaster);
            stopped(all, () -> {
                for (int i = 0; i < 2; i++) {
                    long begun = System.nanoTime();
                    LocalPostgres seen = server.observe(SOON);
                    assertEquals(LocalPostgres.Process.RUNNING, seen.process());
                    assertTrue(seen.status().isEmpty());
                    assertTrue(System.nanoTime() - begun < BOUND.toNanos());
                    assertThrows(IOException.class, () -> check.run(SOON));
                }
            });
            assertEquals(WriteCheck.Finding.WRITES, check.run(BOUND));
        }
    }

    private static void awaitIdle(WriteCheck check) throws Exception {
        for (int i = 0; i < 50; i++) {
            if (check.run(BOUND) == WriteCheck.Finding.IDLE) {
                return;
            }
        }
        throw new AssertionError("an idle server was made to write again and again");
    }

    /** A pipe that nobody writes to blocks its reader as a dead disk does. */
    @Test
    void hangingDiskHoldsUpNobody() throws Exception {
        try (TestServers servers = new TestServers()) {
            PostgresServer server = servers.primary("a");
            assertTrue(server.observe(BOUND).isPrimary());
            long pid = server.postmasterPid().orElseThrow();
            Path file = servers.dataDir("a").resolve("postmaster.pid");
            Path kept = servers.root().resolve("kept.pid");
            Files.move(file, kept);
            mkfifo(file);
            try {
                long begun = System.nanoTime();
                LocalPostgres seen = server.observe(SOON);
                assertTrue(seen.problem().contains("has not answered for"), seen.problem());
                assertEquals(LocalPostgres.Process.RUNNING, seen.process());
                assertEquals(LocalPostgres.DataDirectory.VALID, seen.dataDirectory());
                assertTrue(seen.status().isEmpty());
                assertTrue(System.nanoTime() - begun < BOUND.toNanos());
                // What hangs already is not waited for again, and the guards get the pid without the disk.
                begun = System.nanoTime();
                server.observe(BOUND);
                assertEquals(pid, server.postmasterPid().orElseThrow());
                assertThrows(
                        PostgresException.class, () -> server.configuration().setSynchronousStandbyNames("", SOON));
                assertFalse(server.onExit(() -> {}));
                assertTrue(System.nanoTime() - begun < SOON.toNanos());
            } finally {
                // Whoever waits for the pipe gets its content, and the next reader the file.
                Path pipe = servers.root().resolve("pipe");
                Files.move(file, pipe);
                Files.copy(kept, file);
                try (var out = Files.newOutputStream(pipe)) {
                    out.write(Files.readAllBytes(kept));
                }
            }
            TestServers.await(server, "a disk that answers again", LocalPostgres::isPrimary);
        }
    }

    private static void mkfifo(Path path) throws Exception {
        Process process = new ProcessBuilder("mkfifo", path.toString()).start();
        assertTrue(process.waitFor(5, TimeUnit.SECONDS));
        assertEquals(0, process.exitValue());
    }

    private interface Body {
        void run() throws Exception;
    }

    private static void stopped(List<LinuxProcess> processes, Body body) throws Exception {
        List<Long> pids = processes.stream().map(LinuxProcess::pid).toList();
        Signal.STOP.send(pids);
        try {
            body.run();
        } finally {
            Signal.CONT.send(pids);
        }
    }

    private static LinuxProcess child(LinuxProcess postmaster, String title) {
        return postmaster.children().stream()
                .filter(p -> p.commandLine().stream().anyMatch(a -> a.contains(title)))
                .findFirst()
                .orElseThrow();
    }
}
