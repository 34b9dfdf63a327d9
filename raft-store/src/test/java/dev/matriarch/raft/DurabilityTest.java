package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Expected;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a lost power supply or a bad disk does to the log, and what it cannot do. */
@Tag("slow")
@Timeout(120)
class DurabilityTest {
    @TempDir
    Path dir;

    /** A store of one peer with 60 confirmed writes, the last of them over several sectors, stopped as by a crash. */
    private Path written(Peers peers) throws Exception {
        peers.startAll();
        for (int i = 0; i < 60; i++) {
            peers.dcs(0).writeInitialize("" + i, Expected.anything(), Peers.TIMEOUT);
        }
        peers.dcs(0).writeConfig("{\"x\":\"" + "y".repeat(3000) + "\"}", Expected.absent(), Peers.TIMEOUT);
        peers.crash(0);
        // A process that dies takes no snapshot at its end, as Ratis does here.
        try (var files = Files.walk(peers.dataDir(0))) {
            for (Path snapshot : files.filter(f -> f.getFileName().toString().startsWith("snapshot."))
                    .toList()) {
                Files.delete(snapshot);
            }
        }
        try (var files = Files.walk(peers.dataDir(0))) {
            return files.filter(f -> f.getFileName().toString().startsWith("log_inprogress"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static int end(byte[] bytes) {
        int end = bytes.length;
        while (bytes[end - 1] == 0) {
            end--;
        }
        return end;
    }

    private static void zeros(Path file, int from, int to) throws Exception {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(to - from), from);
        }
    }

    @Test
    void anEntryThatWasWrittenInPartIsCutOffAndAllBeforeItIsThere() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            Path segment = written(peers);
            byte[] bytes = Files.readAllBytes(segment);
            assertEquals(-1, TornTail.tornAt(bytes), "a whole log is left alone");
            int sector = (end(bytes) - 1) / 512 * 512;
            assertTrue(bytes[sector - 1] == 'y', "within the last entry");
            zeros(segment, sector, end(bytes));
            peers.start(0);
            peers.awaitReady();
            var view = peers.dcs(0).read(Peers.TIMEOUT);
            assertEquals("59", view.initialize().orElseThrow().value());
            assertTrue(view.config().isEmpty(), "the torn one is gone as a whole");
            peers.dcs(0).writeConfig("{}", Expected.absent(), Peers.TIMEOUT);
            peers.crash(0);
            peers.start(0);
            peers.awaitReady();
            assertEquals(
                    "{}",
                    peers.dcs(0).read(Peers.TIMEOUT).config().orElseThrow().value());
        }
    }

    @Test
    void aFileThatEndsInTheMiddleOfAnEntryIsTakenUpToThere() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            Path segment = written(peers);
            try (FileChannel channel = FileChannel.open(segment, StandardOpenOption.WRITE)) {
                channel.truncate(end(Files.readAllBytes(segment)) - 20L);
            }
            peers.start(0);
            peers.awaitReady();
            assertEquals(
                    "59",
                    peers.dcs(0).read(Peers.TIMEOUT).initialize().orElseThrow().value());
        }
    }

    /** Each of these may have been confirmed: nothing is repaired, and the sentence says how to go on. */
    @Test
    void flippedBitsAreRefusedWithTheWayBack() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            Path segment = written(peers);
            byte[] whole = Files.readAllBytes(segment);
            int end = end(whole);
            for (int at : List.of(30, end / 3, end / 2, end - 1000, end - 3)) {
                byte[] flipped = whole.clone();
                flipped[at] ^= 0x04;
                Files.write(segment, flipped);
                StoreStartException refused =
                        assertThrows(StoreStartException.class, () -> peers.start(0), "byte " + at);
                for (String part : List.of("damaged", "Nothing was deleted", "aside", "new peer")) {
                    assertTrue(refused.getMessage().contains(part), refused.getMessage());
                }
                assertArrayEquals(flipped, Files.readAllBytes(segment), "byte " + at);
            }
            Files.write(segment, whole);
            peers.start(0);
            peers.awaitReady();
        }
    }

    @Test
    void noDamageToAWholeLogIsTakenForATornWrite() throws Exception {
        try (Peers peers = new Peers(dir, 1)) {
            byte[] all = Files.readAllBytes(written(peers));
            int end = end(all);
            byte[] whole = Arrays.copyOf(all, end + 4096);
            for (int bit = 64; bit < 8 * end; bit++) {
                whole[bit / 8] ^= (byte) (1 << bit % 8);
                assertEquals(-1, TornTail.tornAt(whole), "bit " + bit);
                whole[bit / 8] ^= (byte) (1 << bit % 8);
            }
            for (int from = 8; from < end - 10; from += 5) {
                byte[] hole = whole.clone();
                Arrays.fill(hole, from, from + 5, (byte) 0);
                assertEquals(-1, TornTail.tornAt(hole), "a hole at " + from);
            }
            int torn = 0;
            for (int from = end - 2900; from < end; from++) {
                byte[] bytes = whole.clone();
                Arrays.fill(bytes, from, end, (byte) 0);
                if (TornTail.tornAt(bytes) >= 0) {
                    torn++;
                    assertTrue((from + 511) / 512 * 512 - from <= 2, "zeros from " + from + " on");
                }
            }
            assertTrue(torn >= 5, "whole sectors were missing " + torn + " times");
        }
    }
}
