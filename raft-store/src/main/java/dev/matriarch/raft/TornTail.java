package dev.matriarch.raft;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * The last write of a host that lost its power may have reached the disk in part: the rest of the entry, and of the file that
 * was laid out in advance, is zeros from the end of a sector on. Such an entry was never confirmed, because that is done
 * after the disk has it as a whole, so it is cut off. Whatever else does not fit its checksum may have been confirmed once:
 * it is left alone, and Ratis refuses it.
 *
 * <p>The form is Ratis': a header, then for each entry its length as a varint, itself, and a CRC-32C of both.
 */
final class TornTail {
    private static final byte[] HEADER = "RaftLog1".getBytes(StandardCharsets.UTF_8);
    private static final int SECTOR = 512;
    private static final int CHECKSUM = Integer.BYTES;
    /** So many of the last bytes that were written may be zeros themselves. */
    private static final int CHANCE_ZEROS = 2;

    private TornTail() {}

    /**
     * Repairs the segments that are being written.
     *
     * @param directory that Ratis keeps the log in
     * @return a sentence for each entry that was cut off
     */
    static List<String> repair(Path directory) throws IOException {
        List<String> done = new ArrayList<>();
        try (DirectoryStream<Path> segments = Files.newDirectoryStream(directory, "log_inprogress_*")) {
            for (Path segment : segments) {
                byte[] bytes = Files.readAllBytes(segment);
                int torn = tornAt(bytes);
                if (torn >= 0) {
                    try (FileChannel channel = FileChannel.open(segment, StandardOpenOption.WRITE)) {
                        channel.truncate(torn);
                        channel.force(true);
                    }
                    done.add("The last entry of " + segment
                            + " was written in part when the host stopped, and never confirmed: it was cut off at byte "
                            + torn);
                }
            }
        }
        return done;
    }

    /** Where an entry begins that was written in part; -1: there is none, or something else is wrong. */
    static int tornAt(byte[] bytes) {
        if (bytes.length < HEADER.length || !Arrays.equals(bytes, 0, HEADER.length, HEADER, 0, HEADER.length)) {
            return -1;
        }
        int end = bytes.length;
        while (end > 0 && bytes[end - 1] == 0) {
            end--;
        }
        int at = HEADER.length;
        while (at < end) {
            int next = entryEnd(bytes, at);
            if (next < 0) {
                return isTorn(bytes, at, end) ? at : -1;
            }
            at = next;
        }
        return -1;
    }

    /**
     * Its sectors that were written are full, up to the byte: a whole entry that was damaged later ends anywhere in one. And
     * nothing that is whole comes after it.
     */
    private static boolean isTorn(byte[] bytes, int at, int end) {
        int sector = (end + SECTOR - 1) / SECTOR * SECTOR;
        if (sector - end > CHANCE_ZEROS || sector >= bytes.length || sector >= declaredEnd(bytes, at)) {
            return false;
        }
        for (int later = at + 1; later < end; later++) {
            if (entryEnd(bytes, later) > 0) {
                return false;
            }
        }
        return true;
    }

    /** By the length that is written at its beginning; it may lie behind the end of the file. */
    private static long declaredEnd(byte[] bytes, int at) {
        long[] lengthAndBody = length(bytes, at);
        return lengthAndBody[1] + lengthAndBody[0] + CHECKSUM;
    }

    /** -1: there is no whole entry. */
    private static int entryEnd(byte[] bytes, int at) {
        long[] lengthAndBody = length(bytes, at);
        long checksum = lengthAndBody[1] + lengthAndBody[0];
        if (lengthAndBody[0] <= 0 || checksum + CHECKSUM > bytes.length) {
            return -1;
        }
        CRC32C crc = new CRC32C();
        crc.update(bytes, at, (int) checksum - at);
        return ByteBuffer.wrap(bytes, (int) checksum, CHECKSUM).getInt() == (int) crc.getValue()
                ? (int) checksum + CHECKSUM
                : -1;
    }

    private static long[] length(byte[] bytes, int at) {
        long length = 0;
        int body = at;
        for (int shift = 0; shift < 35 && body < bytes.length; shift += 7) {
            byte next = bytes[body++];
            length |= (long) (next & 0x7F) << shift;
            if (next >= 0) {
                break;
            }
        }
        return new long[] {length, body};
    }
}
