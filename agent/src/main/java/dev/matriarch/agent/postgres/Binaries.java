package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The programs of one PostgreSQL version.
 *
 * @param directory where they lie
 * @param major first number of the version: 15
 * @param names of those that are called otherwise than usual: usual name to name
 */
public record Binaries(Path directory, int major, Map<String, String> names) {
    private static final List<String> NEEDED =
            List.of("postgres", "initdb", "pg_basebackup", "pg_controldata", "pg_rewind", "pg_waldump");
    private static final Pattern VERSION = Pattern.compile("\\(PostgreSQL\\) (\\d+)");
    private static final Pattern FULL_VERSION = Pattern.compile("\\(PostgreSQL\\) (\\d{1,3})\\.(\\d{1,4})\\b");
    private static final int OLDEST = 10;
    /** The first version that is promoted without pg_ctl. */
    private static final int PROMOTES_BY_ITSELF = 12;

    public Binaries {
        names = Map.copyOf(names);
    }

    public static Binaries find(Optional<Path> given) throws PostgresException {
        return find(given, Map.of());
    }

    /**
     * Finds the programs where told, else in PATH, else the newest of Debian's.
     *
     * @param names {@code bin_name}
     * @throws PostgresException naming what is missing and where was looked
     */
    public static Binaries find(Optional<Path> given, Map<String, String> names) throws PostgresException {
        if (given.isPresent()) {
            return in(given.get(), names);
        }
        String postgres = names.getOrDefault("postgres", "postgres");
        String path = System.getenv().getOrDefault("PATH", "");
        for (String entry : path.split(":")) {
            Path server = Path.of(entry, postgres);
            if (entry.isBlank() || !Files.isExecutable(server)) {
                continue;
            }
            try {
                // A link or wrapper in PATH need not have its companions beside it.
                Path directory = server.toRealPath().getParent();
                if (missing(directory, names, NEEDED).isEmpty()) {
                    return in(directory, names);
                }
            } catch (IOException e) {
                throw new PostgresException(server + " cannot be read: " + e, e);
            }
        }
        for (Path directory : packaged()) {
            if (Files.isExecutable(directory.resolve(postgres))) {
                return in(directory, names);
            }
        }
        throw new PostgresException("No PostgreSQL server was found: neither in PATH nor in /usr/lib/postgresql/*/bin"
                + " nor in /usr/pgsql-*/bin. Install the package postgresql, or set postgresql.bin_dir to the directory"
                + " that holds the program 'postgres'.");
    }

    private static Binaries in(Path directory, Map<String, String> names) throws PostgresException {
        requireAll(directory, names, NEEDED);
        Path postgres = directory.resolve(names.getOrDefault("postgres", "postgres"));
        Child.Result result =
                Child.of(List.of(postgres.toString(), "--version")).run(Deadline.in(Duration.ofSeconds(10)));
        Matcher version = VERSION.matcher(result.output());
        if (result.exitCode() != 0 || !version.find()) {
            throw new PostgresException(
                    postgres + " --version failed: " + result.lastLines() + " Reinstall PostgreSQL.");
        }
        int major = Integer.parseInt(version.group(1));
        if (major < OLDEST) {
            throw new PostgresException("The programs in " + directory + " are of PostgreSQL " + major
                    + ", which is too old: " + OLDEST + " or later is needed.");
        }
        requireAll(directory, names, major < PROMOTES_BY_ITSELF ? List.of("pg_ctl") : List.of());
        return new Binaries(directory, major, names);
    }

    private static void requireAll(Path directory, Map<String, String> names, List<String> programs)
            throws PostgresException {
        List<String> missing = missing(directory, names, programs);
        if (!missing.isEmpty()) {
            throw new PostgresException("The directory " + directory + " (postgresql.bin_dir) has no executable "
                    + String.join(", ", missing) + ". Install the PostgreSQL server package or correct the setting"
                    + (names.isEmpty() ? "." : ", or postgresql.bin_name."));
        }
    }

    private static List<String> missing(Path directory, Map<String, String> names, List<String> programs) {
        return programs.stream()
                .map(name -> names.getOrDefault(name, name))
                .filter(name -> !Files.isExecutable(directory.resolve(name)))
                .toList();
    }

    /** What the programs say now, as server_version_num; empty if they cannot be asked. They may have been replaced. */
    public OptionalInt installed(Duration timeout) {
        try {
            Child.Result result =
                    Child.of(List.of(path("postgres"), "--version")).run(Deadline.in(timeout));
            Matcher version = FULL_VERSION.matcher(result.output());
            return version.find()
                    ? OptionalInt.of(Integer.parseInt(version.group(1)) * 10_000 + Integer.parseInt(version.group(2)))
                    : OptionalInt.empty();
        } catch (PostgresException e) {
            return OptionalInt.empty();
        }
    }

    String path(String program) {
        return directory.resolve(names.getOrDefault(program, program)).toString();
    }

    /** A process runs one of these programs, by the name of its file. */
    boolean isOneOf(String executable, Set<String> programs) {
        return programs.contains(executable)
                || programs.stream()
                        .anyMatch(p -> Path.of(path(p)).getFileName().toString().equals(executable));
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
