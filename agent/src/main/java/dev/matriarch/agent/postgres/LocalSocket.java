package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The socket file of the local server, if the configuration wants it used. The running server names the first of its
 * {@code unix_socket_directories} in line 5 of postmaster.pid, an empty line if there is none.
 */
final class LocalSocket {
    private static final int PORT_LINE = 3;
    private static final int DIRECTORY_LINE = 4;

    private LocalSocket() {}

    /** Its directory and port. */
    record Place(Path directory, int port) {
        Path file() {
            return directory.resolve(".s.PGSQL." + port);
        }
    }

    /** @return empty if TCP is to be used: not asked for, no server runs, or it has no such file */
    static Optional<Place> of(PostgresConfig config) {
        if (!config.useUnixSocket()) {
            return Optional.empty();
        }
        try {
            return parse(Files.readAllLines(config.dataDir().resolve("postmaster.pid")));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    static Optional<Place> parse(List<String> pidFile) {
        if (pidFile.size() <= DIRECTORY_LINE) {
            return Optional.empty();
        }
        String directory = pidFile.get(DIRECTORY_LINE).strip();
        String port = pidFile.get(PORT_LINE).strip();
        // A relative one is relative to wherever the server works, an abstract one (@name) is no file.
        return directory.startsWith("/") && port.matches("\\d{1,5}")
                ? Optional.of(new Place(Path.of(directory), Integer.parseInt(port)))
                : Optional.empty();
    }
}
