package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.agent.postgres.linux.LinuxProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a data directory comes to be: initdb, pg_basebackup, pg_rewind, crash recovery.
 *
 * <p>A new one is made beside its place and renamed when complete. Where that is impossible (a mount point) a marker
 * says that it is not complete.
 */
final class Cloning {
    private static final Logger log = LoggerFactory.getLogger(Cloning.class);
    private static final int SERVER_COMPRESSION = 15;
    private static final Set<String> TOOLS = Set.of("initdb", "pg_basebackup", "pg_rewind");

    private interface Maker {
        void make(Path directory) throws PostgresException, IOException;
    }

    private volatile PostgresConfig config;
    private final Binaries binaries;
    private final DataDirectory data;
    private final ConfigurationFiles files;
    private final LibpqAccess libpq;

    Cloning(PostgresConfig config, Binaries binaries, DataDirectory data, ConfigurationFiles files, LibpqAccess libpq) {
        this.config = config;
        this.binaries = binaries;
        this.data = data;
        this.files = files;
        this.libpq = libpq;
    }

    /** From the next use on. */
    void reconfigure(PostgresConfig changed) {
        config = changed;
    }

    void initdb(BootstrapConfig bootstrap, Deadline deadline) throws PostgresException {
        make("new database cluster", directory -> {
            List<String> command = new ArrayList<>(List.of(binaries.path("initdb"), "-D", directory.toString()));
            command.add("--username=" + config.superuser().username());
            List<String> options = bootstrap.initdbOptions();
            if (absent(options, "-E", "--encoding")) {
                command.add("--encoding=UTF8");
            }
            if (absent(options, "-k", "--data-checksums", "--no-data-checksums")) {
                command.add("--data-checksums");
            }
            Path password = null;
            try {
                if (config.superuser().password().isPresent()) {
                    password = config.pgpass().resolveSibling(config.pgpass().getFileName() + ".initdb");
                    Files.createDirectories(password.toAbsolutePath().getParent());
                    writeSecret(password, config.superuser().password().get() + "\n");
                    command.add("--pwfile=" + password);
                    if (absent(options, "-A", "--auth", "--auth-host", "--auth-local")) {
                        command.add("--auth=scram-sha-256");
                    }
                }
                command.addAll(options);
                run("initdb", Child.of(command), deadline);
            } finally {
                if (password != null) {
                    Files.deleteIfExists(password);
                }
            }
            makeDatabase(directory, deadline);
            if (config.pgHba().isEmpty()
                    && !config.parameters().containsKey("hba_file")
                    && !bootstrap.pgHba().isEmpty()) {
                Files.writeString(
                        directory.resolve("pg_hba.conf"),
                        String.join("\n", bootstrap.pgHba()) + "\n",
                        StandardOpenOption.APPEND);
            }
        });
    }

    /** The agent could not connect to a new server that lacks its database. */
    private void makeDatabase(Path directory, Deadline deadline) throws PostgresException {
        String database = config.places().database();
        if (database.equals("postgres")) {
            return;
        }
        String sql = "CREATE DATABASE " + Roles.identifier(database) + "\n";
        Child.Result result = Child.of(
                        List.of(binaries.path("postgres"), "--single", "-D", directory.toString(), "template1"))
                .input(sql.getBytes(StandardCharsets.UTF_8))
                .run(deadline);
        if (result.exitCode() != 0 || result.output().contains("ERROR:")) {
            throw new PostgresException(
                    "the database " + database + " (postgresql.database) cannot be created: " + result.lastLines());
        }
    }

    private static boolean absent(List<String> options, String... names) {
        for (String name : names) {
            for (String option : options) {
                boolean longForm = name.startsWith("--");
                if (option.equals(name) || option.startsWith(longForm ? name + "=" : name)) {
                    return false;
                }
            }
        }
        return true;
    }

    /** @param options further ones of pg_basebackup, each with its dashes */
    void baseBackup(Upstream source, List<String> options, Deadline deadline, Consumer<CloneProgress> progress)
            throws PostgresException {
        switch (source) {
            case Upstream.Of of ->
                baseBackup(
                        of.member(),
                        libpq.toolConnectionString(of, config.replication(), ""),
                        options,
                        deadline,
                        progress);
            case Upstream.Remote remote ->
                baseBackup(remote.words(), libpq.connectionString(remote, ""), options, deadline, progress);
            case Upstream.Nobody nobody ->
                throw new PostgresException("pg_basebackup needs a server to copy, and there is none.");
        }
    }

    private void baseBackup(
            String source, String connection, List<String> options, Deadline deadline, Consumer<CloneProgress> progress)
            throws PostgresException {
        long begun = System.nanoTime();
        make("copy of " + source, directory -> {
            libpq.writePassfile();
            List<String> command = new ArrayList<>(List.of(
                    binaries.path("pg_basebackup"),
                    "-D",
                    directory.toString(),
                    "-X",
                    "stream",
                    "--checkpoint=fast",
                    "--progress",
                    "--no-password",
                    "--dbname=" + connection));
            for (String option : options) {
                if (option.startsWith("--compress") && binaries.major() < SERVER_COMPRESSION) {
                    log.error("{} (postgresql.basebackup) needs PostgreSQL 15; the copy is made without", option);
                } else {
                    command.add(option);
                }
            }
            Child child = Child.of(command)
                    .passfile(config.pgpass())
                    .lines(line -> CloneProgress.ofBaseBackup(line, Duration.ofNanos(System.nanoTime() - begun))
                            .ifPresent(progress));
            run("pg_basebackup", child, deadline);
        });
    }

    /** What a killed agent left running would write into the directory that we are about to use. */
    private void endLeftovers() {
        for (LinuxProcess process : LinuxProcess.all()) {
            boolean tool = process.executableName()
                    .filter(n -> binaries.isOneOf(n, TOOLS))
                    .isPresent();
            if (tool
                    && String.join(" ", process.commandLine())
                            .contains(data.path().toString())) {
                log.warn(
                        "Ending {} of an earlier agent (pid {})",
                        process.executableName().orElse(""),
                        process.pid());
                ProcessHandle.of(process.pid()).ifPresent(handle -> {
                    handle.destroyForcibly();
                    handle.onExit()
                            .orTimeout(5, TimeUnit.SECONDS)
                            .exceptionally(e -> handle)
                            .join();
                });
            }
        }
    }

    private void make(String what, Maker maker) throws PostgresException {
        endLeftovers();
        data.requireEmpty(what);
        boolean aside = data.replaceable();
        Path target = aside ? data.sibling("new") : data.path();
        try {
            if (aside) {
                data.removeBeside(target);
            } else {
                data.markReplaceable("making a " + what);
            }
            boolean made = false;
            try {
                maker.make(target);
                made = true;
            } finally {
                if (!made) {
                    if (aside) {
                        data.removeBeside(target);
                    } else {
                        DataDirectory.deleteTree(target, true);
                    }
                    // Cleaned up: empty again, not half.
                    data.markFinished();
                }
            }
        } catch (IOException e) {
            throw new PostgresException("The " + what + " cannot be made in " + target + ": " + e, e);
        }
        if (aside) {
            data.install(target);
        }
        // Also when a marker remained from work on what lay here before.
        data.markFinished();
    }

    void crashRecovery(Deadline deadline) throws PostgresException {
        endLeftovers();
        log.info("Recovering {} in single-user mode", data.path());
        files.removeRecovery();
        run(
                "Crash recovery (postgres --single)",
                Child.of(List.of(
                        binaries.path("postgres"),
                        "--single",
                        "-D",
                        data.path().toString(),
                        ConfigPlaces.of(config).option(),
                        "-c",
                        "archive_mode=on",
                        // Nothing may be archived as done that was not: the real command runs after the next start.
                        "-c",
                        "archive_command=false",
                        "-c",
                        "logging_collector=off",
                        "template1")),
                deadline);
    }

    void rewind(Upstream.Of leader, Deadline deadline) throws PostgresException {
        endLeftovers();
        new Rewind(config, binaries, data, libpq).to(leader, deadline);
    }

    private static void run(String name, Child child, Deadline deadline) throws PostgresException {
        Child.Result result = child.run(deadline);
        if (result.exitCode() != 0) {
            throw new PostgresException(
                    name + " failed with exit code " + result.exitCode() + ": " + result.lastLines());
        }
    }

    private static void writeSecret(Path file, String content) throws IOException {
        Files.deleteIfExists(file);
        Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(file, content);
    }
}
