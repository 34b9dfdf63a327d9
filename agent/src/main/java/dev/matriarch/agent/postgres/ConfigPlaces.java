package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import java.nio.file.Path;
import java.util.List;

/**
 * Where PostgreSQL's configuration lies: usually in the data directory.
 *
 * @param data the data directory
 * @param directory of postgresql.conf, pg_hba.conf and pg_ident.conf
 * @param baseName of postgresql.conf, without {@code .conf}
 */
record ConfigPlaces(Path data, Path directory, String baseName) {
    private static final String STANDARD = "postgresql";

    static ConfigPlaces of(PostgresConfig config) {
        return new ConfigPlaces(
                config.dataDir(),
                config.places().configDir().orElse(config.dataDir()),
                config.places().configBaseName());
    }

    Path main() {
        return directory.resolve(baseName + ".conf");
    }

    /** The file that was there first. */
    Path base() {
        return directory.resolve(baseName + ".base.conf");
    }

    Path hba() {
        return directory.resolve("pg_hba.conf");
    }

    Path ident() {
        return directory.resolve("pg_ident.conf");
    }

    /** All but those that PostgreSQL writes itself. */
    List<Path> files() {
        return List.of(main(), base(), hba(), ident());
    }

    /** Copies are kept in the data directory, so that backups and clones have them. */
    Path copy(Path file) {
        return data.resolve(file.getFileName() + ".backup");
    }

    /** The configuration is not in the data directory. */
    boolean apart() {
        return !directory.equals(data);
    }

    /** Programs that are given the data directory alone find the configuration. */
    boolean standard() {
        return !apart() && baseName.equals(STANDARD);
    }

    /** For programs that read the server's settings. */
    String option() {
        return "--config-file=" + main();
    }
}
