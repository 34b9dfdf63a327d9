package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;

/** Files that are either old or new after a power cut, never half. */
final class DurableFile {
    private static final Set<PosixFilePermission> OWNER = PosixFilePermissions.fromString("rw-------");
    private static final Set<PosixFilePermission> OWNER_AND_GROUP = PosixFilePermissions.fromString("rw-r-----");

    private DurableFile() {}

    /** Replaces the file's content, mode 0600. Does nothing if it is the same already. True if something changed. */
    static boolean write(Path file, String content) throws IOException {
        return write(file, content.getBytes(StandardCharsets.UTF_8));
    }

    static boolean write(Path file, byte[] bytes) throws IOException {
        return write(file, bytes, Optional.of(OWNER));
    }

    /**
     * As {@link #write(Path, String)}, of a file that PostgreSQL reads. In the data directory the group may read it where it
     * may read that directory; elsewhere it keeps the mode that it has, and a new one gets that of the process.
     */
    static boolean writeFor(Path dataDirectory, Path file, String content) throws IOException {
        return writeFor(dataDirectory, file, content.getBytes(StandardCharsets.UTF_8));
    }

    static boolean writeFor(Path dataDirectory, Path file, byte[] bytes) throws IOException {
        Path real = file.toAbsolutePath().normalize();
        if (real.startsWith(dataDirectory.toAbsolutePath().normalize())) {
            boolean group = Files.getPosixFilePermissions(dataDirectory).contains(PosixFilePermission.GROUP_READ);
            return write(file, bytes, Optional.of(group ? OWNER_AND_GROUP : OWNER));
        }
        return write(
                file, bytes, Files.exists(file) ? Optional.of(Files.getPosixFilePermissions(file)) : Optional.empty());
    }

    /** @param mode empty: as the process makes files */
    private static boolean write(Path file, byte[] bytes, Optional<Set<PosixFilePermission>> mode) throws IOException {
        try {
            if (java.util.Arrays.equals(Files.readAllBytes(file), bytes)) {
                return false;
            }
        } catch (NoSuchFileException e) {
            // To be created.
        }
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        if (mode.isPresent()) {
            // Never for a moment more than that; the process's own mask may take some of it away.
            Files.createFile(fresh, PosixFilePermissions.asFileAttribute(mode.get()));
            Files.setPosixFilePermissions(fresh, mode.get());
        } else {
            Files.createFile(fresh);
        }
        try (FileChannel channel = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
            ByteBuffer rest = ByteBuffer.wrap(bytes);
            while (rest.hasRemaining()) {
                channel.write(rest);
            }
            channel.force(true);
        }
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        syncDirectory(file.toAbsolutePath().getParent());
        return true;
    }

    static boolean delete(Path file) throws IOException {
        boolean was = Files.deleteIfExists(file);
        if (was) {
            syncDirectory(file.toAbsolutePath().getParent());
        }
        return was;
    }

    static void syncDirectory(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
