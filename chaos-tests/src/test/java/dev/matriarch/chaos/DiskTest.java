package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskTest {
    private static final int SIZE = 4 << 20;

    @Test
    void whatIsForcedToTheDiskIsCounted(@TempDir Path directory) throws IOException {
        Disk disk = Disk.under(directory);
        Optional<Disk.Written> before = disk.written();
        assumeTrue(before.isPresent(), "temporary files lie on no disk");
        byte[] noise = new byte[SIZE];
        new Random(1).nextBytes(noise);
        try (FileChannel file =
                FileChannel.open(directory.resolve("noise"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.wrap(noise));
            file.force(true);
        }
        Disk.Written written = disk.written().orElseThrow().since(before.get());
        assertTrue(written.bytes() >= SIZE, written.toString());
        assertTrue(written.requests() >= 1, written.toString());
    }

    @Test
    void whatIsOnNoDiskIsNotCounted() {
        assertEquals(Optional.empty(), Disk.under(Path.of("/proc")).written());
    }
}
