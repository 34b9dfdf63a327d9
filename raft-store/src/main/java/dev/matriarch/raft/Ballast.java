package dev.matriarch.raft;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file that takes room on the store's volume so that it can be given back when there is none left. One thread. */
final class Ballast {
    static final String FILE = "ballast";
    private static final int CHUNK = 1 << 20;

    private final Path directory;
    private final Path file;

    Ballast(Path directory) {
        this.directory = directory;
        this.file = directory.resolve(FILE);
    }

    /** What this user may still write to the volume, in bytes. */
    long usable() throws IOException {
        return Files.getFileStore(directory).getUsableSpace();
    }

    boolean isKept() {
        return Files.exists(file);
    }

    /** Real blocks: a file with holes would hold nothing. What cannot be written in full is removed again. */
    void keep() throws IOException {
        boolean whole = false;
        try (FileChannel out = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            for (long written = 0; written < DiskRoom.BALLAST; ) {
                written += out.write(ByteBuffer.allocate(CHUNK));
            }
            out.force(true);
            whole = true;
        } finally {
            if (!whole) {
                giveUp();
            }
        }
    }

    void giveUp() throws IOException {
        Files.deleteIfExists(file);
    }
}
