package dev.matriarch.agent.postgres.linux;

import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import java.nio.file.Path;
import java.util.Optional;

/**
 * How many files a file system can hold, which the JDK does not tell. Through statvfs of the C library; may hang with the
 * disk.
 *
 * @param total 0 where they are not counted
 */
public record Inodes(long total, long free) {
    /** As on all 64-bit Linuxes: ten unsigned long, the sixth and eighth of them are these. */
    private static final int TOTAL = 40;

    private static final int AVAILABLE = 56;
    private static final int SIZE = 256;

    /**
     * @param libraryDirectory where the native library is unpacked; must allow execution
     * @return empty if it cannot be found out
     */
    public static Optional<Inodes> of(Path path, Path libraryDirectory) {
        if (!System.getProperty("os.arch").contains("64")) {
            return Optional.empty();
        }
        try {
            // First: it says where the library of JNA, which Memory needs too, is unpacked.
            NativeLibrary libc = Libc.open(libraryDirectory);
            try (Memory answer = new Memory(SIZE)) {
                answer.clear();
                int failed = libc.getFunction("statvfs").invokeInt(new Object[] {path.toString(), answer});
                return failed != 0
                        ? Optional.empty()
                        : Optional.of(new Inodes(answer.getLong(TOTAL), answer.getLong(AVAILABLE)));
            }
        } catch (LinkageError | RuntimeException e) {
            return Optional.empty();
        }
    }
}
