package dev.matriarch.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What the disk under a directory is given to write, by whatever runs on this machine: the kernel's count, from
 * {@code /proc/diskstats}. It needs no guess at what a process's {@code write_bytes} means for pages that are written twice.
 */
record Disk(String number) {
    private static final Path COUNTS = Path.of("/proc/diskstats");
    private static final int SECTOR = 512;

    /** @param requests that the disk has done, each perhaps of many blocks */
    record Written(long requests, long bytes) {
        Written since(Written before) {
            return new Written(requests - before.requests, bytes - before.bytes);
        }
    }

    static Disk under(Path directory) {
        try {
            long device = (Long) Files.getAttribute(directory, "unix:dev");
            // As glibc's gnu_dev_major and gnu_dev_minor.
            long major = device >>> 8 & 0xFFF | device >>> 32 & 0xFFFF_F000L;
            long minor = device & 0xFF | device >>> 12 & 0xFFFF_FF00L;
            return new Disk(major + " " + minor);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** @return empty if the directory is on no disk, as in a tmpfs */
    Optional<Written> written() {
        try {
            for (String line : Files.readAllLines(COUNTS)) {
                String[] fields = line.strip().split("\\s+");
                if (number.equals(fields[0] + " " + fields[1])) {
                    return Optional.of(new Written(Long.parseLong(fields[7]), SECTOR * Long.parseLong(fields[9])));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return Optional.empty();
    }
}
