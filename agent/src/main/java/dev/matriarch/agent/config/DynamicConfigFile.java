package dev.matriarch.agent.config;

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

/**
 * {@code patroni.dynamic.json} in the data directory: the last dynamic configuration this member saw, kept for the day
 * when the store has lost it. Same name and format as Patroni's, so that either can take over from the other.
 */
public final class DynamicConfigFile {
    public static final String NAME = "patroni.dynamic.json";

    private DynamicConfigFile() {}

    /**
     * @return the content; empty if there is no file, or it holds no JSON object
     * @throws IOException if the file exists and cannot be read
     */
    public static Optional<String> read(Path dataDir) throws IOException {
        try {
            String json = Files.readString(dataDir.resolve(NAME));
            return DynamicConfigJson.isObject(json) ? Optional.of(json) : Optional.empty();
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    /** Writes the file in one step: a reader, or a crash, meets the old content or the new. */
    public static void write(Path dataDir, String json) throws IOException {
        boolean groupMayRead = Files.getPosixFilePermissions(dataDir).contains(PosixFilePermission.GROUP_READ);
        Set<PosixFilePermission> mode = PosixFilePermissions.fromString(groupMayRead ? "rw-r-----" : "rw-------");
        Path temporary = dataDir.resolve(NAME + ".new");
        Files.deleteIfExists(temporary);
        try (FileChannel out = FileChannel.open(
                temporary,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(mode))) {
            ByteBuffer bytes = ByteBuffer.wrap(json.getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                out.write(bytes);
            }
            out.force(true);
        }
        Files.move(temporary, dataDir.resolve(NAME), StandardCopyOption.ATOMIC_MOVE);
    }
}
