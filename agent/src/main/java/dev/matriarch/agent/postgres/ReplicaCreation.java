package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ReplicaMaking;
import dev.matriarch.agent.config.ReplicaMethod;
import dev.matriarch.agent.ha.Upstream;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes a replica's data directory: by each configured method in turn, until one succeeds. Called by the thread that acts;
 * interrupting it ends what runs.
 *
 * <p>Into a directory that holds something only what may be overwritten is made: a copy that was begun, or what an operator
 * or the configuration gave up.
 */
public final class ReplicaCreation {
    private static final Logger log = LoggerFactory.getLogger(ReplicaCreation.class);
    private static final int BASEBACKUP_TRIES = 2;
    private static final Duration BETWEEN_TRIES = Duration.ofSeconds(5);

    private volatile PostgresConfig config;
    private final String scope;
    private final DataDirectory data;
    private final LibpqAccess libpq;
    private final Cloning cloning;
    private final OperatorCommand command;

    ReplicaCreation(
            PostgresConfig config,
            String scope,
            DataDirectory data,
            LibpqAccess libpq,
            Cloning cloning,
            OperatorCommand command) {
        this.config = config;
        this.scope = scope;
        this.data = data;
        this.libpq = libpq;
        this.cloning = cloning;
        this.command = command;
    }

    /** Takes up a changed configuration with the next copy. */
    void reconfigure(PostgresConfig changed) {
        config = changed;
    }

    /** As this member's own configuration says. */
    void create(Optional<Upstream.Of> source, Duration timeout, Consumer<CloneProgress> progress)
            throws PostgresException {
        Upstream from = source.isPresent() ? source.get() : new Upstream.Nobody();
        create(config.making(), from, timeout, progress);
    }

    /**
     * @param source without an address: from an archive, by those methods only that need no server
     * @param progress told how far it is; called on other threads
     * @throws PostgresException with what every method said
     */
    public void create(ReplicaMaking making, Upstream source, Duration timeout, Consumer<CloneProgress> progress)
            throws PostgresException {
        Deadline deadline = Deadline.in(timeout);
        List<String> failures = new ArrayList<>();
        for (String name : making.undescribed()) {
            log.error("create_replica_methods names {}, but postgresql.{} does not say how it works", name, name);
        }
        boolean reachable = source instanceof Upstream.Of
                || source instanceof Upstream.Remote remote && !remote.host().isEmpty();
        for (ReplicaMethod method : making.methods()) {
            if (!reachable && !method.noLeader()) {
                continue;
            }
            try {
                if (method.isBasebackup()) {
                    baseBackup(source, making.basebackupOptions(), deadline, progress);
                } else {
                    run(method, source, deadline, progress);
                }
                log.info("replica has been created using {}", method.name());
                return;
            } catch (PostgresException e) {
                if (Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                log.error("Error creating replica using method {}: {}", method.name(), e.getMessage());
                failures.add(method.name() + ": " + e.getMessage());
            }
        }
        throw new PostgresException(
                failures.isEmpty()
                        ? "No method in create_replica_methods works without a leader (no_leader)."
                        : "No replica could be made: " + String.join("; ", failures));
    }

    /** Lets what is in the data directory of a stopped server be written over by the next copy. */
    public void keepForCopy(String why) throws PostgresException {
        if (!data.isEmpty()) {
            data.markReplaceable(why);
        }
    }

    private void baseBackup(Upstream source, List<String> options, Deadline deadline, Consumer<CloneProgress> progress)
            throws PostgresException {
        for (int attempt = 1; ; attempt++) {
            makeRoom("pg_basebackup needs an empty directory");
            try {
                cloning.baseBackup(source, options, deadline, progress);
                return;
            } catch (PostgresException e) {
                if (attempt == BASEBACKUP_TRIES || Thread.currentThread().isInterrupted()) {
                    throw e;
                }
                log.warn("{} It is tried again in {} s.", e.getMessage(), BETWEEN_TRIES.toSeconds());
                Deadline.in(BETWEEN_TRIES).pause(BETWEEN_TRIES.toMillis());
            }
        }
    }

    /** What is here is a copy that was begun, or was given up before: {@link DataDirectory#requireReplaceable} says so. */
    private void makeRoom(String why) throws PostgresException {
        data.requireReplaceable();
        if (data.isEmpty()) {
            return;
        }
        if (config.keepDiscarded()) {
            log.warn("It was moved to {}", data.setAside("discarded"));
        } else {
            data.remove(why);
        }
    }

    private void run(ReplicaMethod method, Upstream source, Deadline deadline, Consumer<CloneProgress> progress)
            throws PostgresException {
        data.requireReplaceable();
        if (!data.isEmpty() && method.keepData()) {
            log.info("Leaving data directory uncleaned");
        } else {
            makeRoom("making room for the method " + method.name());
        }
        data.markReplaceable("making a replica with " + method.name());
        boolean made = false;
        CloneProgress.Watch watch = CloneProgress.watch(method.name(), data.path(), progress);
        try {
            libpq.writePassfile();
            if (method.keepData()) {
                // Tools that bring a directory up to date want one to begin with.
                data.create();
            }
            Child.Result result =
                    command.run(method.name(), words(method, source), config.pgpass(), "", deadline, line -> {});
            if (result.exitCode() != 0) {
                throw new PostgresException(method.command().getFirst() + " exited with code=" + result.exitCode()
                        + ": " + result.lastLines());
            }
            if (!Files.exists(data.path().resolve("PG_VERSION"))) {
                throw new PostgresException(method.command().getFirst() + " exited with code=0, but " + data.path()
                        + " holds no PostgreSQL data directory");
            }
            String defect = data.defect();
            if (!defect.isEmpty()) {
                throw new PostgresException(defect);
            }
            ConfigBackups.restore(ConfigPlaces.of(config));
            made = true;
        } catch (IOException e) {
            throw new PostgresException("The password file " + config.pgpass() + " cannot be written: " + e, e);
        } finally {
            watch.close();
            if (!made && !method.keepData() && !data.isEmpty()) {
                data.remove("the method " + method.name() + " did not finish");
            }
        }
        data.markFinished();
    }

    private String connection(Upstream source) {
        String database = config.places().database();
        return switch (source) {
            case Upstream.Of of -> libpq.connectionString(of, config.replication(), database);
            case Upstream.Remote remote -> remote.host().isEmpty() ? "" : libpq.connectionString(remote, database);
            case Upstream.Nobody nobody -> "";
        };
    }

    private List<String> words(ReplicaMethod method, Upstream source) {
        List<String> words = new ArrayList<>(method.command());
        if (!method.noParams()) {
            words.add("--scope=" + scope);
            words.add("--role=replica");
            words.add("--datadir=" + data.path());
            words.add("--connstring=" + connection(source));
            words.addAll(method.arguments());
        }
        return words;
    }
}
