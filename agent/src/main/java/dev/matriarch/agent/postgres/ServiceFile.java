package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Passwords of keys, in the one file from which libpq takes them: in a connection string they would be seen on command lines
 * and in the server's log. It lies beside the password file, mode 0600; PGSERVICEFILE tells where.
 */
final class ServiceFile {
    private ServiceFile() {}

    static Path beside(Path pgpass) {
        Path file = pgpass.toAbsolutePath();
        return file.resolveSibling(file.getFileName() + ".service");
    }

    /** To be named in a connection string as {@code service}; empty if the role's key has no password. */
    static Optional<String> nameOf(PostgresConfig config, PostgresConfig.Role role, int major) {
        if (role.security().keyPasswordForLibpq(major).isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(
                role.equals(config.replication())
                        ? "matriarch_replication"
                        : role.equals(config.rewind()) ? "matriarch_rewind" : "matriarch_superuser");
    }

    /** No file if there is nothing to say. */
    static void write(PostgresConfig config, int major) throws IOException {
        Map<String, String> services = new LinkedHashMap<>();
        for (PostgresConfig.Role role :
                new PostgresConfig.Role[] {config.replication(), config.rewind(), config.superuser()}) {
            nameOf(config, role, major)
                    .ifPresent(name ->
                            services.put(name, role.security().keyPassword().orElseThrow()));
        }
        Path file = beside(config.pgpass());
        if (services.isEmpty()) {
            Files.deleteIfExists(file);
            return;
        }
        StringBuilder text = new StringBuilder();
        services.forEach((name, password) -> text.append('[')
                .append(name)
                .append("]\nsslpassword=")
                .append(password)
                .append("\n\n"));
        DurableFile.write(file, text.toString());
    }
}
