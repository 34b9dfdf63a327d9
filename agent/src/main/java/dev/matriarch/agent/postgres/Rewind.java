package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.Upstream;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes the directory of a former primary that of a possible replica, with pg_rewind. */
final class Rewind {
    private static final Logger LOG = LoggerFactory.getLogger(Rewind.class);

    /** What pg_rewind says when it knows where to rewind to; it writes nothing before. */
    private static final String BEGINS = "rewinding from last common checkpoint";

    /** The first version of pg_rewind that fetches WAL with restore_command. */
    private static final int RESTORES_WAL = 13;

    /** The first version that can be told where postgresql.conf is. */
    private static final int KNOWS_CONFIG_FILE = 15;

    /** The first version of pg_rewind that leaves the slots of the server behind that it copies from. */
    private static final int WITHOUT_SLOTS = 11;

    private static final int NAMED = 10;

    private final PostgresConfig config;
    private final Binaries binaries;
    private final DataDirectory data;
    private final ConfigurationFiles files;

    Rewind(PostgresConfig config, Binaries binaries, DataDirectory data, ConfigurationFiles files) {
        this.config = config;
        this.binaries = binaries;
        this.data = data;
        this.files = files;
    }

    /**
     * Of a server that is stopped and was shut down in order.
     *
     * @throws PostgresException if it cannot be; says whether the directory was changed
     */
    void to(Upstream.Of leader, Deadline deadline) throws PostgresException {
        try {
            files.writePassfile();
        } catch (IOException e) {
            throw new PostgresException("The password file " + config.pgpass() + " cannot be written: " + e, e);
        }
        refuseWhatBlocks();
        archiveWhatWaits(deadline);
        List<String> command = command(leader, deadline);
        // pg_rewind copies the leader's configuration over ours; the leader's base file is as good as ours.
        data.markUnfinished("rewinding to " + leader.member());
        LOG.info("Rewinding to the history of {} ({}:{})", leader.member(), leader.host(), leader.port());
        Child.Result result = Child.of(command).passfile(config.pgpass()).run(deadline);
        if (result.exitCode() != 0 && !result.output().contains(BEGINS)) {
            data.markFinished();
            throw new PostgresException("pg_rewind failed before it changed anything: " + result.lastLines());
        }
        if (result.exitCode() != 0) {
            throw new PostgresException("pg_rewind failed: " + result.lastLines() + ". The data directory "
                    + data.path() + " cannot be used as it is: it will have to be rewound again or cloned.");
        }
        if (binaries.major() < WITHOUT_SLOTS) {
            removeSlots(data.path());
        }
        data.markFinished();
    }

    /** Slots that nobody moves on here would keep WAL for ever. What this server is to have is made when it runs. */
    static void removeSlots(Path dataDirectory) throws PostgresException {
        Path slots = dataDirectory.resolve("pg_replslot");
        try {
            DataDirectory.deleteTree(slots, true);
        } catch (IOException e) {
            throw new PostgresException(
                    "Slots that came with the rewind cannot be removed from " + slots + ": " + e, e);
        }
    }

    private ConfigPlaces places() {
        return ConfigPlaces.of(config);
    }

    private List<String> command(Upstream.Of leader, Deadline deadline) throws PostgresException {
        List<String> command = new ArrayList<>(List.of(
                binaries.path("pg_rewind"),
                "--target-pgdata=" + data.path(),
                "--source-server="
                        + files.connectionString(
                                leader,
                                RewindRole.of(config, binaries.major()),
                                config.places().database())));
        boolean found = places().standard();
        if (!found && binaries.major() >= KNOWS_CONFIG_FILE) {
            command.add(places().option());
            found = true;
        }
        if (found
                && binaries.major() >= RESTORES_WAL
                && !setting("restore_command", deadline).isEmpty()) {
            command.add("--restore-target-wal");
        }
        command.addAll(config.rewindOptions());
        return command;
    }

    /** pg_rewind writes every kind of file; one that it may not write would leave it half done. */
    private void refuseWhatBlocks() throws PostgresException {
        List<Path> blocking;
        try {
            blocking = blocking(data.path(), Files::isWritable);
        } catch (IOException e) {
            throw new PostgresException("The data directory " + data.path() + " cannot be read: " + e, e);
        }
        if (!blocking.isEmpty()) {
            String named = String.join(
                    ", ", blocking.stream().limit(NAMED).map(Path::toString).toList());
            throw new PostgresException("pg_rewind was not begun, as it may not write to " + named
                    + (blocking.size() > NAMED ? " and " + (blocking.size() - NAMED) + " more" : "")
                    + ". Nothing was changed. Give them to the database's user, or move what is not PostgreSQL's out of "
                    + data.path() + ".");
        }
    }

    static List<Path> blocking(Path directory, Predicate<Path> writable) throws IOException {
        try (Stream<Path> all = Files.walk(directory, FileVisitOption.FOLLOW_LINKS)) {
            return all.filter(p -> (Files.isRegularFile(p) || Files.isDirectory(p)) && !writable.test(p))
                    .sorted()
                    .toList();
        }
    }

    private void archiveWhatWaits(Deadline deadline) throws PostgresException {
        ReadyWal ready = new ReadyWal(data.path());
        if (ready.waiting().isEmpty() || setting("archive_mode", deadline).equals("off")) {
            return;
        }
        String command = setting("archive_command", deadline);
        if (command.isEmpty() || command.equals("(disabled)")) {
            LOG.warn(
                    "{} WAL files wait to be archived, and there is no archive_command: the rewind removes them",
                    ready.waiting().size());
            return;
        }
        int left = ready.archive(command, deadline);
        if (left > 0) {
            LOG.warn("{} WAL files could not be archived before the rewind, which removes them", left);
        }
    }

    /** What the stopped server's configuration says; empty if it cannot be asked. */
    private String setting(String name, Deadline deadline) throws PostgresException {
        Child.Result result = Child.of(List.of(
                        binaries.path("postgres"), "-C", name, "-D", data.path().toString(), places().option()))
                .run(deadline);
        if (result.exitCode() != 0) {
            LOG.warn("The setting {} of {} could not be read: {}", name, data.path(), result.lastLines());
            return "";
        }
        return result.output().strip();
    }
}
