package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies of the configuration files inside the data directory. Some backup tools leave the files themselves out, as does
 * every copy of a data directory where they lie elsewhere, and what is made with such a tool would not start.
 */
final class ConfigBackups {
    private static final Logger log = LoggerFactory.getLogger(ConfigBackups.class);

    private ConfigBackups() {}

    /** Brings the copies up to date; a copy that cannot be written is no reason to fail. */
    static void save(ConfigPlaces places) {
        for (Path file : places.files()) {
            Path copy = places.copy(file);
            try {
                if (Files.isRegularFile(file)) {
                    byte[] content = Files.readAllBytes(file);
                    if (!Files.exists(copy) || !Arrays.equals(content, Files.readAllBytes(copy))) {
                        DurableFile.writeFor(places.data(), copy, content);
                    }
                }
            } catch (IOException e) {
                log.warn("{} cannot be written: {}", copy, e.getMessage());
            }
        }
    }

    /** Puts missing files back from their copies. pg_ident.conf may be empty; pg_hba.conf may not be guessed. */
    static void restore(ConfigPlaces places) throws PostgresException {
        for (Path file : places.files()) {
            Path copy = places.copy(file);
            try {
                if (Files.exists(file)) {
                    continue;
                }
                Path other = places.data().resolve(file.getFileName());
                if (Files.isRegularFile(copy)) {
                    log.info("{} was missing and is restored from {}", file, copy.getFileName());
                    DurableFile.writeFor(places.data(), file, Files.readAllBytes(copy));
                } else if (places.apart() && Files.isRegularFile(other)) {
                    // As initdb leaves it, or a backup of a server that had it there.
                    log.info("{} was missing and is copied from {}", file, other);
                    DurableFile.writeFor(places.data(), file, Files.readAllBytes(other));
                } else if (file.equals(places.ident())) {
                    DurableFile.writeFor(places.data(), file, "");
                }
            } catch (IOException e) {
                throw new PostgresException("The configuration file " + file + " cannot be restored: " + e, e);
            }
        }
    }
}
