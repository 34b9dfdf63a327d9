package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies of the configuration files inside the data directory. Some backup tools leave the files themselves out, and a
 * copy made with such a tool would not start.
 */
final class ConfigBackups {
    private static final Logger log = LoggerFactory.getLogger(ConfigBackups.class);
    private static final String SUFFIX = ".backup";
    private static final List<String> NAMES =
            List.of("postgresql.conf", "postgresql.base.conf", "pg_hba.conf", "pg_ident.conf");

    private ConfigBackups() {}

    /** Brings the copies up to date; a copy that cannot be written is no reason to fail. */
    static void save(Path dataDirectory) {
        for (String name : NAMES) {
            Path file = dataDirectory.resolve(name);
            Path copy = dataDirectory.resolve(name + SUFFIX);
            try {
                if (Files.isRegularFile(file)) {
                    byte[] content = Files.readAllBytes(file);
                    if (!Files.exists(copy) || !Arrays.equals(content, Files.readAllBytes(copy))) {
                        DurableFile.writeFor(dataDirectory, copy, content);
                    }
                }
            } catch (IOException e) {
                log.warn("{} cannot be written: {}", copy, e.getMessage());
            }
        }
    }

    /** Puts missing files back from their copies. pg_ident.conf may be empty; pg_hba.conf may not be guessed. */
    static void restore(Path dataDirectory) throws PostgresException {
        for (String name : NAMES) {
            Path file = dataDirectory.resolve(name);
            Path copy = dataDirectory.resolve(name + SUFFIX);
            try {
                if (Files.exists(file)) {
                    continue;
                }
                if (Files.isRegularFile(copy)) {
                    log.info("{} was missing and is restored from {}", file, copy.getFileName());
                    DurableFile.writeFor(dataDirectory, file, Files.readAllBytes(copy));
                } else if (name.equals("pg_ident.conf")) {
                    DurableFile.writeFor(dataDirectory, file, "");
                }
            } catch (IOException e) {
                throw new PostgresException("The configuration file " + file + " cannot be restored: " + e, e);
            }
        }
    }
}
