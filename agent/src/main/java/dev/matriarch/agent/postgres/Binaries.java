package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The programs of one PostgreSQL version.
 *
 * @param directory where they lie
 * @param major first number of the version: 15
 */
public record Binaries(Path directory, int major) {
    private static final List<String> NEEDED =
            List.of("postgres", "initdb", "pg_basebackup", "pg_controldata", "pg_rewind", "pg_waldump");
    private static final Pattern VERSION = Pattern.compile("\\(PostgreSQL\\) (\\d+)");
    private static final int OLDEST = 12;

    /**
     * Finds the programs where told, else in PATH, else the newest of Debian's.
     *
     * @throws PostgresException naming what is missing and where was looked
     */
    public static Binaries find(Optional<Path> given) throws PostgresException {
        if (given.isPresent()) {
            return in(given.get());
        }
        String path = System.getenv().getOrDefault("PATH", "");
        for (String entry : path.split(":")) {
            Path server = Path.of(entry, "postgres");
            if (entry.isBlank() || !Files.isExecutable(server)) {
                continue;
            }
            try {
                // A link or wrapper in PATH need not have its companions beside it.
                Path directory = server.toRealPath().getParent();
                if (missing(directory).isEmpty()) {
                    return in(directory);
                }
            } catch (IOException e) {
                throw new PostgresException(server + " cannot be read: " + e, e);
            }
        }
        for (Path directory : packaged()) {
            if (Files.isExecutable(directory.resolve("postgres"))) {
                return in(directory);
            }
        }
        throw new PostgresException("No PostgreSQL server was found: neither in PATH nor in /usr/lib/postgresql/*/bin"
                + " nor in /usr/pgsql-*/bin. Install the package postgresql, or set postgresql.bin_dir to the directory"
                + " that holds the program 'postgres'.");
    }

    private static Binaries in(Path directory) throws PostgresException {
        List<String> missing = missing(directory);
        if (!missing.isEmpty()) {
            throw new PostgresException("The directory " + directory + " (postgresql.bin_dir) has no executable "
                    + String.join(", ", missing) + ". Install the PostgreSQL server package or correct the setting.");
        }
        Child.Result result = Child.of(List.of(directory.resolve("postgres").toString(), "--version"))
                .run(Deadline.in(Duration.ofSeconds(10)));
        Matcher version = VERSION.matcher(result.output());
        if (result.exitCode() != 0 || !version.find()) {
            throw new PostgresException(
                    directory + "/postgres --version failed: " + result.lastLines() + " Reinstall PostgreSQL.");
        }
        int major = Integer.parseInt(version.group(1));
        if (major < OLDEST) {
            throw new PostgresException("The programs in " + directory + " are of PostgreSQL " + major
                    + ", which is too old: " + OLDEST + " or later is needed.");
        }
        return new Binaries(directory, major);
    }

    private static List<String> missing(Path directory) {
        return NEEDED.stream()
                .filter(name -> !Files.isExecutable(directory.resolve(name)))
                .toList();
    }

    String path(String program) {
        return directory.resolve(program).toString();
    }

    private static List<Path> packaged() {
        List<Path> found = new ArrayList<>();
        for (String root : List.of("/usr/lib/postgresql", "/usr")) {
            try (Stream<Path> entries = Files.list(Path.of(root))) {
                entries.filter(p -> root.endsWith("postgresql")
                                || p.getFileName().toString().startsWith("pgsql-"))
                        .forEach(p -> found.add(p.resolve("bin")));
            } catch (IOException e) {
                // Not this kind of system.
                continue;
            }
        }
        found.sort(Comparator.comparingInt(Binaries::versionInPath).reversed());
        return found;
    }

    private static int versionInPath(Path bin) {
        Matcher digits =
                Pattern.compile("(\\d+)").matcher(bin.getParent().getFileName().toString());
        return digits.find() ? Integer.parseInt(digits.group(1)) : 0;
    }
}
