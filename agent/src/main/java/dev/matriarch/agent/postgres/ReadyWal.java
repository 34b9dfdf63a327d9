package dev.matriarch.agent.postgres;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * WAL of a stopped server that waits to be archived: {@code pg_wal/archive_status/NAME.ready}. pg_rewind removes it, and an
 * archive that lacks it cannot be recovered past that place.
 */
final class ReadyWal {
    private static final Logger LOG = LoggerFactory.getLogger(ReadyWal.class);
    private static final String READY = ".ready";

    private final Path data;

    ReadyWal(Path data) {
        this.data = data;
    }

    /**
     * What PostgreSQL's archiver would do, in its order. Ends at the first file that cannot be archived: those after it are
     * of no use without it.
     *
     * @param command {@code archive_command}; with {@code %p}, {@code %f} and {@code %%}
     * @return how many files still wait
     */
    int archive(String command, Deadline deadline) throws PostgresException {
        List<String> names = waiting();
        for (int i = 0; i < names.size(); i++) {
            String name = names.get(i);
            Child.Result result = Child.of(List.of("/bin/sh", "-c", filledIn(command, name)))
                    .directory(data)
                    .run(deadline);
            if (result.exitCode() != 0) {
                LOG.warn(
                        "archive_command failed for {} with exit code {}: {}",
                        name,
                        result.exitCode(),
                        result.lastLines());
                return names.size() - i;
            }
            try {
                Files.move(status().resolve(name + READY), status().resolve(name + ".done"));
            } catch (IOException e) {
                throw new PostgresException(
                        "The file " + status().resolve(name + READY) + " cannot be renamed: " + e, e);
            }
            LOG.info("Archived {}, which the rewind would have removed", name);
        }
        return 0;
    }

    /** Oldest first; a timeline's history file goes before its WAL, as in PostgreSQL's archiver. */
    List<String> waiting() throws PostgresException {
        if (!Files.isDirectory(status())) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(status())) {
            return files.map(p -> p.getFileName().toString())
                    .filter(n -> n.endsWith(READY))
                    .map(n -> n.substring(0, n.length() - READY.length()))
                    .sorted(java.util.Comparator.comparing((String n) -> !n.endsWith(".history"))
                            .thenComparing(n -> n))
                    .toList();
        } catch (IOException e) {
            throw new PostgresException("The directory " + status() + " cannot be read: " + e, e);
        }
    }

    private Path status() {
        return data.resolve("pg_wal").resolve("archive_status");
    }

    /** As PostgreSQL's BuildArchiveCommand: %p is the path below the data directory, %f the name, %% a percent sign. */
    static String filledIn(String command, String name) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < command.length(); i++) {
            char next = i + 1 < command.length() ? command.charAt(i + 1) : ' ';
            if (command.charAt(i) == '%' && "pf%".indexOf(next) >= 0) {
                text.append(
                        switch (next) {
                            case 'p' -> "pg_wal/" + name;
                            case 'f' -> name;
                            default -> "%";
                        });
                i++;
            } else {
                text.append(command.charAt(i));
            }
        }
        return text.toString();
    }
}
