package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three processes, killed in the middle of writing. */
@Tag("slow")
class KillTest {
    private static final int ENOUGH = 25;

    @TempDir
    Path dir;

    @Test
    void whatWasConfirmedSurvivesTheDeathOfAll() throws Exception {
        try (Peers peers = new Peers(dir, 3)) {
            AtomicLongArray confirmed = new AtomicLongArray(3);
            List<Process> processes = new ArrayList<>();
            List<Thread> readers = new ArrayList<>();
            try {
                for (int i = 0; i < 3; i++) {
                    Process process = start(peers, i);
                    processes.add(process);
                    int peer = i;
                    readers.add(Thread.ofVirtual().start(() -> read(process, confirmed, peer)));
                }
                Peers.awaitTrue(
                        Duration.ofSeconds(60),
                        "confirmed writes",
                        () -> confirmed.get(0) > ENOUGH && confirmed.get(1) > ENOUGH && confirmed.get(2) > ENOUGH);
            } finally {
                processes.forEach(Process::destroyForcibly);
            }
            for (Process process : processes) {
                assertTrue(process.waitFor(10, TimeUnit.SECONDS));
            }
            for (Thread reader : readers) {
                reader.join(Duration.ofSeconds(10));
            }
            peers.startAll();
            for (int i = 0; i < 3; i++) {
                int peer = i;
                String name = "n" + (i + 1);
                // The first Raft leader after the start brings back what the others had not applied yet.
                Peers.awaitTrue(
                        Duration.ofSeconds(10),
                        "write " + confirmed.get(peer) + " of " + name,
                        () -> peers.dcs(0)
                                .read(Peers.TIMEOUT)
                                .member(name)
                                .flatMap(m -> m.xlogLocation())
                                .map(lsn -> lsn.value() >= confirmed.get(peer))
                                .orElse(false));
            }
        }
    }

    private Process start(Peers peers, int i) throws Exception {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--sun-misc-unsafe-memory-access=allow",
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx64m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        WritingProcess.class.getName(),
                        "n" + (i + 1),
                        peers.dataDir(i).toString(),
                        peers.addresses.get(i),
                        String.join(",", peers.addresses))
                .redirectError(Files.createFile(dir.resolve("stderr-" + i)).toFile())
                .start();
    }

    private static void read(Process process, AtomicLongArray confirmed, int peer) {
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("confirmed ")) {
                    confirmed.set(peer, Long.parseLong(line.substring("confirmed ".length())));
                }
            }
        } catch (java.io.IOException e) {
            // The pipe of a killed process may end anywhere.
        }
    }
}
