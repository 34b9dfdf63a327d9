package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.dcs.Lsn;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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

    /** The first version whose restore_command is a setting; before it stands in recovery.conf, which we write later. */
    private static final int HAS_RESTORE_SETTING = 12;

    /** The first version that can be told where postgresql.conf is. */
    private static final int KNOWS_CONFIG_FILE = 15;

    /** The first version of pg_rewind that leaves the slots of the server behind that it copies from. */
    private static final int WITHOUT_SLOTS = 11;

    private static final int NAMED = 10;

    private final PostgresConfig config;
    private final Binaries binaries;
    private final DataDirectory data;
    private final LibpqAccess libpq;
    private final StoppedServer server;

    Rewind(PostgresConfig config, Binaries binaries, DataDirectory data, LibpqAccess libpq) {
        this.config = config;
        this.binaries = binaries;
        this.data = data;
        this.libpq = libpq;
        this.server = new StoppedServer(config, binaries);
    }

    /**
     * Of a server that is stopped and was shut down in order.
     *
     * @throws PostgresException if it cannot be; says whether the directory was changed
     */
    void to(Upstream.Of leader, Deadline deadline) throws PostgresException {
        try {
            libpq.writePassfile();
        } catch (IOException e) {
            throw new PostgresException("The password file " + config.pgpass() + " cannot be written: " + e, e);
        }
        refuseUnrecovered(deadline);
        refuseWhatBlocks();
        archiveWhatWaits(deadline);
        // Asked before pg_rewind copies the leader's configuration over ours.
        String restoreCommand =
                binaries.major() >= HAS_RESTORE_SETTING ? server.setting("restore_command", deadline) : "";
        List<String> command = command(leader, restoreCommand);
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
        requireWal(leader, restoreCommand, deadline);
        data.markFinished();
    }

    /**
     * A directory that was rewound or copied, and has not reached consistency since. pg_rewind would recover it in single-user mode
     * first, where PostgreSQL does not ask whether it got as far as it must (StartupXLOG, for want of
     * ArchiveRecoveryRequested): what follows would be built on pages of a timeline that was left.
     */
    private void refuseUnrecovered(Deadline deadline) throws PostgresException {
        if (copy().begin(deadline).isPresent()) {
            data.markUnfinished("rewound or copied, and not recovered before the leader changed");
            throw new PostgresException(
                    "The data directory " + data.path() + " was rewound or copied before and has not"
                            + " been recovered since, so it cannot be rewound again: it has to be cloned.");
        }
    }

    /**
     * Without it PostgreSQL could not be recovered.
     *
     * @throws PostgresException if files are missing that the archive does not have either
     */
    private void requireWal(Upstream.Of leader, String restoreCommand, Deadline deadline) throws PostgresException {
        List<String> missing = missingWal(deadline);
        Optional<String> lacking = Optional.empty();
        for (String name : missing) {
            if (lacking.isEmpty() && !restore(name, restoreCommand, deadline)) {
                lacking = Optional.of(name);
            }
        }
        if (lacking.isPresent()) {
            throw new PostgresException(
                    "pg_rewind is of no use here: " + leader.member() + " no longer has the WAL file "
                            + lacking.get() + ", with which the rewound directory would have to be recovered"
                            + (restoreCommand.isEmpty() ? ", and there is no restore_command" : ", nor has the archive")
                            + ". The data directory " + data.path() + " has to be cloned.");
        }
    }

    private UnrecoveredCopy copy() {
        return new UnrecoveredCopy(data.path(), new ControlData(binaries, data.path()));
    }

    private List<String> missingWal(Deadline deadline) throws PostgresException {
        ControlData.Content control = new ControlData(binaries, data.path())
                .read(deadline)
                .orElseThrow(() -> new PostgresException(
                        "The control file of the rewound directory " + data.path() + " cannot be read."));
        Optional<Lsn> begin = copy().begin(deadline);
        int timeline = control.control().minRecoveryTimeline();
        Path history = data.path().resolve("pg_wal").resolve(String.format("%08X.history", timeline));
        if (begin.isEmpty() || timeline > 1 && !Files.exists(history)) {
            return List.of();
        }
        try {
            return RewoundWal.along(
                            timeline > 1 ? Files.readString(history) : "",
                            timeline,
                            begin.get(),
                            control.control().minRecoveryPoint(),
                            control.segmentSize())
                    .missing(copy().wal());
        } catch (IOException e) {
            throw new PostgresException("The file " + history + " cannot be read: " + e, e);
        }
    }

    /** Into {@code pg_wal}, where recovery finds it. One that also removes WAL (%r) is not for us to run. */
    private boolean restore(String name, String restoreCommand, Deadline deadline) throws PostgresException {
        if (restoreCommand.isEmpty() || restoreCommand.contains("%r")) {
            return false;
        }
        Child.Result result = Child.of(List.of("/bin/sh", "-c", ReadyWal.filledIn(restoreCommand, name)))
                .directory(data.path())
                .run(deadline);
        boolean there = result.exitCode() == 0
                && Files.exists(data.path().resolve("pg_wal").resolve(name));
        if (there) {
            LOG.info("Restored {}, which the leader no longer has", name);
        } else {
            LOG.warn("restore_command did not bring {}: {}", name, result.lastLines());
        }
        return there;
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

    private List<String> command(Upstream.Of leader, String restoreCommand) throws PostgresException {
        List<String> command = new ArrayList<>(List.of(
                binaries.path("pg_rewind"),
                "--target-pgdata=" + data.path(),
                "--source-server="
                        + libpq.toolConnectionString(
                                leader,
                                RewindRole.of(config, binaries.major()),
                                config.places().database())));
        boolean found = places().standard();
        if (!found && binaries.major() >= KNOWS_CONFIG_FILE) {
            command.add(places().option());
            found = true;
        }
        if (found && binaries.major() >= RESTORES_WAL && !restoreCommand.isEmpty()) {
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
        if (ready.waiting().isEmpty()
                || server.setting("archive_mode", deadline).equals("off")) {
            return;
        }
        String command = server.setting("archive_command", deadline);
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
}
