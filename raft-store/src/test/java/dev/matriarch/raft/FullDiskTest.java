package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.matriarch.dcs.Expected;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A volume of its own for one peer's store, which runs full. Needs root, for the mount. */
@Tag("slow")
@Timeout(120)
class FullDiskTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    Path dir;

    private Path volume;

    @BeforeEach
    void mount() throws Exception {
        volume = Files.createDirectory(dir.resolve("n1"));
        assumeTrue(
                run("mount", "-t", "tmpfs", "-o", "size=128m", "store", volume.toString()),
                "only root may mount a volume");
    }

    @AfterEach
    void unmount() throws Exception {
        run("umount", "-l", volume.toString());
    }

    private static boolean run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getInputStream().readAllBytes();
        return process.waitFor(10, TimeUnit.SECONDS) && process.exitValue() == 0;
    }

    /** Another program's file takes all but this many bytes. */
    private void fill(long left) throws IOException {
        byte[] chunk = new byte[64 << 10];
        try (OutputStream out = Files.newOutputStream(volume.resolve("filler-" + System.nanoTime()))) {
            while (Files.getFileStore(volume).getUsableSpace() > left + chunk.length) {
                out.write(chunk);
            }
        }
    }

    private void free() throws IOException {
        try (var files = Files.newDirectoryStream(volume, "filler-*")) {
            for (Path file : files) {
                Files.delete(file);
            }
        }
    }

    @Test
    void theBallastGoesFirstThenTheStoreStopsInGoodOrderAndComesBackByItself() throws Exception {
        Path ballast = volume.resolve(Ballast.FILE);
        try (Peers peers = new Peers(dir, 3).startAll()) {
            peers.dcs(0).writeInitialize("1", Expected.absent(), Peers.TIMEOUT);
            peers.stores.get(0).watchRoom(Duration.ZERO);
            Peers.awaitTrue(SOON, "ballast", () -> Files.exists(ballast) && Files.size(ballast) == DiskRoom.BALLAST);
            Peers.awaitTrue(SOON, "Raft leader", () -> lead(peers));

            fill(1 << 20);
            Peers.awaitTrue(SOON, "room from the ballast", () -> !Files.exists(ballast));
            peers.dcs(0).writeInitialize("2", Expected.anything(), Peers.TIMEOUT);

            fill(1 << 20);
            Peers.awaitTrue(SOON, "stop", () -> peers.dcs(0).health().contains("in good order"));
            Peers.awaitTrue(SOON, "another Raft leader", () -> peers.raftLeader() != 0);
            peers.dcs(1).writeInitialize("3", Expected.anything(), Peers.TIMEOUT);
            assertFalse(peers.dcs(0).health().startsWith("ok"), peers.dcs(0).health());

            free();
            assertTrue(peers.stores.get(0).awaitReady(SOON), () -> peers.dcs(0).health());
            assertEquals(
                    "3",
                    peers.dcs(0).read(Peers.TIMEOUT).initialize().orElseThrow().value());
            Peers.awaitTrue(SOON, "ballast again", () -> Files.exists(ballast));
        }
    }

    private static boolean lead(Peers peers) throws Exception {
        return peers.raftLeader() == 0 || peers.stores.get(0).group().lead("n1").done();
    }
}
