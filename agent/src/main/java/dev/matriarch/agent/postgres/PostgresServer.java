package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.agent.postgres.linux.LinuxProcess;
import dev.matriarch.dcs.Lsn;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The local PostgreSQL server: its files, its processes and the agent's connections to it.
 *
 * <p>{@link #observe} may be called at any time from any thread. Everything else changes something: one at a time, from
 * the thread that acts. All calls block, none longer than its timeout; interrupting the thread ends long ones.
 */
public final class PostgresServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PostgresServer.class);

    private static final Duration IDLE_WRITES = Duration.ofSeconds(30);
    /** What the look itself may take beyond the time that PostgreSQL is given for its answer. */
    private static final Duration LOOK = Duration.ofMillis(500);

    private static final int FOLLOWS_WITHOUT_RESTART = 13;
    private static final Duration SHORT_WRITE = Duration.ofSeconds(2);

    private volatile PostgresConfig config;
    private final Path stateDir;
    private final Binaries binaries;
    private final DataDirectory data;
    private final Connections connections;
    private final StandbyPrompt standbyPrompt;
    private final Postmaster postmaster;
    private final Monitor monitor;
    private final WriteCheck writeCheck;
    private final DiskCalls disk;
    private final ControlData controlData;
    private final LibpqAccess libpq;
    private final ConfigurationFiles files;
    private final Replication replication;
    private final SlotWork slots;
    private final LogicalSlotFiles logicalSlots;
    private final Promotion promotion;
    private final OpenedTimeline opened;
    private final TakenTimelines taken;
    private final Cloning cloning;
    private final FirstServer firstServer;
    private final ReplicaCreation replicaCreation;
    private final StandbyAsWritten standbyAsWritten;
    private final RecoveryDrift recoveryDrift;
    private volatile Optional<LocalPostgres> lastSeen = Optional.empty();
    private final ReentrantLock configurationLock = new ReentrantLock();

    /**
     * @param scope becomes {@code cluster_name}
     * @param stateDir small files of the agent: marker of unfinished work, native library
     * @throws PostgresException if no server binaries are found or they are too old
     */
    public PostgresServer(PostgresConfig config, String scope, String memberName, Path stateDir)
            throws PostgresException {
        this.config = config;
        this.stateDir = stateDir;
        binaries = Binaries.find(config.binDir(), config.places().programs());
        data = new DataDirectory(config.dataDir(), stateDir, binaries);
        connections = new Connections(config, binaries.major());
        standbyPrompt = new StandbyPrompt(connections);
        controlData = new ControlData(binaries, config.dataDir());
        libpq = new LibpqAccess(config, binaries.major(), memberName);
        files = new ConfigurationFiles(config, binaries, libpq, scope, memberName);
        postmaster = new Postmaster(config, binaries, data, controlData, files, stateDir);
        slots = new SlotWork(connections);
        logicalSlots = new LogicalSlotFiles(connections, config.dataDir());
        monitor = new Monitor("Matriarch heartbeat", connections, data, postmaster, controlData);
        writeCheck = new WriteCheck(
                config,
                binaries.major(),
                new Monitor("Matriarch write probe", connections, data, postmaster, controlData),
                IDLE_WRITES);
        disk = new DiskCalls("the storage of " + config.dataDir());
        replication = new Replication(
                config, binaries, data, connections, controlData, new OpenedTimeline(config.dataDir(), memberName));
        promotion = new Promotion(binaries, config.dataDir(), monitor);
        opened = new OpenedTimeline(config.dataDir(), memberName);
        taken = new TakenTimelines(config.dataDir());
        cloning = new Cloning(config, binaries, data, files, libpq);
        standbyAsWritten = new StandbyAsWritten(
                files,
                ConfigPlaces.of(config),
                monitor,
                binaries.major(),
                () -> change(wanted -> wanted),
                postmaster::reload);
        recoveryDrift = new RecoveryDrift(standbyAsWritten, System::nanoTime);
        OperatorCommand command = new OperatorCommand(stateDir);
        CustomBootstrap custom =
                new CustomBootstrap(config, scope, binaries, data, files, libpq, postmaster, controlData, command);
        replicaCreation = new ReplicaCreation(config, scope, data, libpq, cloning, command);
        firstServer = new FirstServer(config, data, cloning, custom, command, connections, postmaster);
    }

    /**
     * Takes up what of a changed configuration can change while the server runs; the files follow with the next
     * {@link #writeConfiguration}. Any thread.
     *
     * @param changed with the same addresses, directories and programs as before
     */
    public void reconfigure(PostgresConfig changed) {
        config = changed;
        connections.reconfigure(changed);
        libpq.reconfigure(changed);
        files.reconfigure(changed);
        cloning.reconfigure(changed);
        replicaCreation.reconfigure(changed);
    }

    /** What the server is now. Never throws and never takes longer than the timeout by more than a few milliseconds. */
    public LocalPostgres observe(Duration timeout) {
        try {
            LocalPostgres seen = disk.call(() -> monitor.observe(timeout), timeout.plus(LOOK));
            lastSeen = Optional.of(seen);
            return seen;
        } catch (DiskCalls.Hanging | PostgresException e) {
            return unseen(e.getMessage());
        }
    }

    /** What can be said without the disk: the process table does not hang. */
    private LocalPostgres unseen(String why) {
        boolean alive = postmaster.known().isPresent();
        LocalPostgres.Process before = lastSeen.map(LocalPostgres::process).orElse(LocalPostgres.Process.RUNNING);
        return new LocalPostgres(
                alive
                        ? lastSeen.map(LocalPostgres::dataDirectory).orElse(LocalPostgres.DataDirectory.VALID)
                        : LocalPostgres.DataDirectory.UNUSABLE,
                lastSeen.flatMap(LocalPostgres::systemIdentifier),
                !alive
                        ? LocalPostgres.Process.STOPPED
                        : before == LocalPostgres.Process.STOPPED ? LocalPostgres.Process.RUNNING : before,
                Optional.empty(),
                Optional.empty(),
                why);
    }

    /** Runs a short change of files; the disk is given up on after a moment. */
    private void briefly(BriefChange change) throws PostgresException {
        try {
            disk.call(
                    () -> {
                        change.run();
                        return true;
                    },
                    SHORT_WRITE);
        } catch (DiskCalls.Hanging e) {
            throw new PostgresException(e.getMessage() + ": the configuration was not changed.", e);
        }
    }

    private interface BriefChange {
        void run() throws PostgresException;
    }

    /** Whether the server, while it is a primary, still writes. */
    public WriteCheck writeCheck() {
        return writeCheck;
    }

    /** Bytes free on the volume of the data directory or of its WAL, whichever has less. May hang with the disk. */
    public OptionalLong freeBytes() {
        return data.freeBytes();
    }

    /** A half sentence about processes of the server that a signal has stopped; empty if there is none. Reads no disk. */
    public String stoppedProcesses() {
        String stopped = postmaster.known().map(WriteCheck::stopped).orElse("");
        return stopped.isEmpty() ? "" : ", but stopped by a signal: " + stopped;
    }

    /** Pid of the living postmaster on the data directory, whoever started it. */
    public OptionalLong postmasterPid() {
        Optional<LinuxProcess> process = postmaster.known();
        if (process.isEmpty()) {
            try {
                process = disk.call(postmaster::current, LOOK);
            } catch (DiskCalls.Hanging | PostgresException e) {
                log.debug("No postmaster known", e);
            }
        }
        return process.map(LinuxProcess::pid).map(OptionalLong::of).orElse(OptionalLong.empty());
    }

    /** True unless only PostgreSQL's own processes and those of replication are left. False if no server runs. */
    public boolean hasUserBackends() {
        return postmaster.hasUserBackends();
    }

    /**
     * A connection of the superuser's to the local server; the caller closes it. Blocks.
     *
     * @param timeout for connecting, and for each statement
     */
    public Connection connect(String applicationName, String database, Duration timeout) throws SQLException {
        return connections.local(applicationName, database, Deadline.in(timeout));
    }

    /** What only SQL tells; for those who examine the server. Blocks, for the timeout at most. */
    public ServerReport report(Duration timeout) throws SQLException {
        try (Connection connection = connect("Matriarch doctor", config.places().database(), timeout)) {
            return ServerReport.ask(connection);
        }
    }

    /** Logs in to another server as a standby of it would. Blocks, for about the timeout at most. */
    public void logInAsStandby(String host, int port, Duration timeout) throws SQLException {
        connections.replication(host, port, Deadline.in(timeout)).close();
    }

    /** Logs in to another server as pg_rewind would. Blocks, for about the timeout at most. */
    public void logInForRewind(String host, int port, Duration timeout) throws SQLException {
        connections.rewind(host, port, Deadline.in(timeout)).close();
    }

    /** As whom {@link #connect} comes. */
    public PostgresConfig.Role superuser() {
        return config.superuser();
    }

    /** The making of a new cluster. */
    public FirstServer firstServer() {
        return firstServer;
    }

    /** The making of copies of another server. */
    public ReplicaCreation replicaCreation() {
        return replicaCreation;
    }

    /** Creates a new cluster in an empty or missing data directory; leaves none behind if it fails. */
    public void initdb(BootstrapConfig bootstrap, Duration timeout) throws PostgresException {
        cloning.initdb(bootstrap, Deadline.in(timeout));
    }

    /** Creates the agent's roles and {@code bootstrap.users} on a primary; harmless if they exist. */
    public void createRoles(BootstrapConfig bootstrap, Duration timeout) throws PostgresException {
        Roles.create(connections, config, bootstrap, Deadline.in(timeout));
    }

    /**
     * Clones a running server into an empty or missing data directory. The data directory appears when it is complete.
     *
     * @param progress called on another thread
     */
    public void baseBackup(Upstream.Of source, Duration timeout, Consumer<CloneProgress> progress)
            throws PostgresException {
        cloning.baseBackup(source, config.basebackupOptions(), Deadline.in(timeout), progress);
    }

    /** The first data directory of a cluster that follows another one. */
    public void baseBackup(Upstream.Remote source, Duration timeout, Consumer<CloneProgress> progress)
            throws PostgresException {
        cloning.baseBackup(source, config.basebackupOptions(), Deadline.in(timeout), progress);
    }

    public void baseBackup(Upstream.Of source, Duration timeout) throws PostgresException {
        baseBackup(source, timeout, now -> {});
    }

    /**
     * Writes everything that PostgreSQL reads at start. A running server sees it after {@link #reload}.
     *
     * @param parameters merged parameters of cluster and member
     * @param upstreamOrNull null for a primary
     * @param synchronousStandbyNames empty: the parameter is not written
     */
    public void writeConfiguration(
            Map<String, String> parameters, Upstream upstreamOrNull, Optional<String> synchronousStandbyNames)
            throws PostgresException {
        writeConfiguration(parameters, upstreamOrNull, synchronousStandbyNames, true);
    }

    /** @param useSlots the upstream keeps a slot for this member */
    public void writeConfiguration(
            Map<String, String> parameters,
            Upstream upstreamOrNull,
            Optional<String> synchronousStandbyNames,
            boolean useSlots)
            throws PostgresException {
        writeConfiguration(parameters, upstreamOrNull, synchronousStandbyNames, useSlots, ServerFiles.of(config));
    }

    /** @param serverFiles those of cluster and member together */
    public void writeConfiguration(
            Map<String, String> parameters,
            Upstream upstreamOrNull,
            Optional<String> synchronousStandbyNames,
            boolean useSlots,
            ServerFiles serverFiles)
            throws PostgresException {
        configurationLock.lock();
        try {
            files.write(new ConfigurationFiles.Wanted(
                    parameters, Optional.ofNullable(upstreamOrNull), synchronousStandbyNames, useSlots, serverFiles));
        } finally {
            configurationLock.unlock();
        }
    }

    /** Starts a server with the configuration last written; returns as soon as the postmaster lives. */
    public Startup start(Duration timeout) throws PostgresException {
        taken.forget(observe(timeout));
        return start(OptionalLong.empty(), Deadline.in(timeout));
    }

    /** A server that does not start with new lines of pg_hba.conf starts with the old ones. */
    private Startup start(OptionalLong notAfter, Deadline deadline) throws PostgresException {
        try {
            Startup first = postmaster.start(notAfter, deadline);
            if (!files.hasNewAccessFiles()) {
                return first;
            }
            if (postmaster.hasReadItsFiles(deadline)) {
                files.acceptHba();
                return first;
            }
            if (!files.takeBackHba()) {
                return first;
            }
        } catch (EndedAtOnceException e) {
            // It reads its files a moment after it has written the pid file: who looks late sees neither.
            if (!files.hasNewAccessFiles() || !files.takeBackHba()) {
                throw e;
            }
        }
        Startup second = postmaster.start(notAfter, deadline);
        if (postmaster.hasReadItsFiles(deadline)) {
            log.error("PostgreSQL does not start with the configured lines of pg_hba.conf, its log names the line; the"
                    + " old file stays in force: correct postgresql.pg_hba and reload");
        } else {
            files.doubtHbaNoLonger();
        }
        return second;
    }

    /**
     * Like {@link #start}, but nothing is started after the given moment, however long this process was paused before.
     *
     * @param uptimeCentis as in {@code /proc/uptime}, hundredths of a second
     */
    public Startup startAsPrimaryNotAfter(long uptimeCentis, Duration timeout) throws PostgresException {
        return start(OptionalLong.of(uptimeCentis), Deadline.in(timeout));
    }

    /** Returns when the server accepts connections; fails as soon as it is known to have died. */
    public void awaitReady(Duration timeout) throws PostgresException {
        monitor.awaitReady(Deadline.in(timeout));
        ConfigBackups.save(ConfigPlaces.of(config));
    }

    /** Stops the server; harmless if it does not run. On time-out it is still stopping: {@link #kill} ends it. */
    public void stop(StopMode mode, Duration timeout) throws PostgresException {
        monitor.forget();
        postmaster.stop(mode, Deadline.in(timeout));
    }

    /** Ends all processes of the server with SIGKILL; returns when they are gone, or after 10 s with an error. */
    public void kill() throws PostgresException {
        monitor.forget();
        postmaster.kill(Deadline.in(Duration.ofSeconds(10)));
    }

    /** Ends recovery of a running replica; returns when it accepts writes. */
    public void promote(Duration timeout) throws PostgresException {
        promote(0, timeout);
    }

    /** @param timeline the new timeline gets no lower number than this */
    public void promote(int timeline, Duration timeout) throws PostgresException {
        Deadline deadline = Deadline.in(timeout);
        Optional<LocalPostgres.Status> before = observe(timeout).status();
        if (before.isPresent() && before.get().inRecovery()) {
            opened.note(before.get().timeline());
            taken.leaveOut(before.get().timeline(), timeline);
        }
        promotion.run(deadline);
        configurationLock.lock();
        try {
            if (files.known().isPresent()) {
                files.write(files.wanted().withUpstream(Optional.empty()));
                if (files.wanted().files().dependsOnRole()) {
                    reload();
                }
            }
        } catch (PostgresException e) {
            // It is promoted; what remains of the standby configuration is written again before the next start.
            log.warn("After the promotion: {}", e.getMessage());
        } finally {
            configurationLock.unlock();
        }
    }

    public void checkpoint(Duration timeout) throws PostgresException {
        replication.checkpoint(Deadline.in(timeout));
    }

    /** Makes a checkpoint on a primary whose control file still names the timeline before its promotion. */
    public void checkpointOfNewTimeline(Duration timeout) throws PostgresException {
        replication.checkpointOfNewTimeline(Deadline.in(timeout));
    }

    /** Makes a running server read its configuration again; harmless if it does not run. */
    public void reload() throws PostgresException {
        configurationLock.lock();
        try {
            tryOutAccessFiles();
        } finally {
            configurationLock.unlock();
        }
        postmaster.reload();
    }

    private void tryOutAccessFiles() {
        if (!files.hasNewAccessFiles()) {
            return;
        }
        try (Connection connection = connections.local("Matriarch", Deadline.in(SHORT_WRITE))) {
            files.tryOutAccessFiles(connection);
        } catch (SQLException | IOException e) {
            files.trustAccessFiles();
            log.warn(
                    "PostgreSQL could not be asked about the new lines of pg_hba.conf and pg_ident.conf: {}",
                    e.toString());
        }
    }

    /** Changes the setting of the running server; returns when a session of it sees the new value. */
    public void setSynchronousStandbyNames(String value, Duration timeout) throws PostgresException {
        briefly(() -> {
            change(wanted -> wanted.withSynchronousStandbyNames(Optional.of(value)));
            postmaster.reload();
        });
        monitor.awaitSetting("synchronous_standby_names", value, Deadline.in(timeout));
        if (!value.isEmpty()) {
            standbyPrompt.send();
        }
    }

    public void setSynchronousStandbyNames(String value) throws PostgresException {
        setSynchronousStandbyNames(value, Duration.ofSeconds(2));
    }

    /** Points a replica to another server. Before PostgreSQL 13 that holds from its next start on. */
    public void follow(Upstream upstream) throws PostgresException {
        briefly(() -> {
            change(wanted -> wanted.withUpstream(Optional.of(upstream)));
            postmaster.reload();
        });
    }

    /** True if only a restart makes the running standby follow whom its files name: before PostgreSQL 13. */
    public boolean restartsToFollow() throws PostgresException {
        return binaries.major() < FOLLOWS_WITHOUT_RESTART && !followsAsWritten();
    }

    /** The running standby follows whom its files name. */
    boolean followsAsWritten() throws PostgresException {
        return standbyAsWritten.upstreamIsInForce();
    }

    /** False as long as this agent has not written the server's files: those in force are an earlier agent's. */
    public boolean hasWrittenConfiguration() {
        return files.known().isPresent();
    }

    /**
     * Puts back what somebody else changed of a running standby's settings of recovery.
     *
     * @param startTime of its postmaster
     * @param again called if it has to be looked at again soon
     * @return why it has to be restarted; empty: it need not
     */
    public Optional<String> checkRecovery(String startTime, Runnable again) throws PostgresException {
        try {
            RecoveryDrift.Finding found = disk.call(
                    () -> {
                        standbyAsWritten.of(startTime);
                        return recoveryDrift.look();
                    },
                    SHORT_WRITE);
            if (found.again()) {
                again.run();
            }
            return found.restart();
        } catch (DiskCalls.Hanging e) {
            throw new PostgresException(e.getMessage(), e);
        }
    }

    private void change(java.util.function.UnaryOperator<ConfigurationFiles.Wanted> how) throws PostgresException {
        configurationLock.lock();
        try {
            files.write(how.apply(files.wanted()));
        } finally {
            configurationLock.unlock();
        }
    }

    /** Takes over a server that an earlier agent started. True if there is one. */
    public boolean adopt() {
        return postmaster.current().isPresent();
    }

    /** Runs the action once, at once, when the postmaster that lives now has ended. False if none lives. */
    public boolean onExit(Runnable action) {
        try {
            return disk.call(() -> postmaster.onExit(action), LOOK);
        } catch (DiskCalls.Hanging | PostgresException e) {
            log.debug("The postmaster cannot be watched", e);
            return false;
        }
    }

    /**
     * Changes slots of this server, none of which needs a database of its own.
     *
     * @return names of those that could not be changed; the log says why
     */
    public Set<String> changeSlots(List<SlotChange> changes, Duration timeout) throws PostgresException {
        return slots.physical(changes, monitor, Deadline.in(timeout));
    }

    /** Creates or moves a logical slot, which may take long. Any thread. */
    public void changeLogicalSlot(SlotChange change, String database, Duration timeout) throws PostgresException {
        slots.logical(change, database, Deadline.in(timeout));
    }

    /** What has to happen before files of a server may be replaced. */
    public interface Stop {
        void run() throws PostgresException, InterruptedException;
    }

    /**
     * Puts the state of the leader's logical slots into this server's files. It is stopped for that only if there is
     * something to put there, and not started again.
     *
     * @param stop stops it
     * @return the slots that were copied
     */
    public Set<String> copyLogicalSlots(Upstream.Of leader, Set<String> names, Duration timeout, Stop stop)
            throws PostgresException, InterruptedException {
        Deadline deadline = Deadline.in(timeout);
        List<LogicalSlotFiles.State> states =
                logicalSlots.usable(logicalSlots.read(leader, names, deadline), monitor, deadline);
        Set<String> copied = new TreeSet<>();
        if (!states.isEmpty()) {
            stop.run();
            requireStopped("given logical slots");
            try {
                logicalSlots.write(states);
                states.forEach(s -> copied.add(s.name()));
            } catch (PostgresException e) {
                log.warn("{}", e.getMessage());
            }
        }
        return copied;
    }

    /** By slot, of a primary; 0: none. */
    public Map<String, Long> catalogXmins(Upstream.Of leader, Set<String> names, Duration timeout)
            throws PostgresException {
        return logicalSlots.catalogXmins(leader, names, Deadline.in(timeout));
    }

    /** Compares the local history with the leader's. */
    public Divergence checkDivergence(Upstream.Of leader, Duration timeout) {
        return replication.checkDivergence(leader, monitor, Deadline.in(timeout));
    }

    /**
     * What a standby must have to lack nothing of a server that was shut down. With archiving on, the shutdown checkpoint
     * opens a new WAL file, and the gap up to it is nothing that could be missed.
     *
     * @param checkpoint the shutdown checkpoint, or any other position, which is returned unchanged
     */
    public Lsn endBefore(Lsn checkpoint, Duration timeout) {
        return replication.endBefore(checkpoint, Deadline.in(timeout));
    }

    /** Brings a stopped, crashed data directory to a clean shutdown in single-user mode. */
    public void crashRecovery(Duration timeout) throws PostgresException {
        cloning.crashRecovery(Deadline.in(timeout));
    }

    /** Makes the stopped local server a possible replica of the leader. Write the configuration again afterwards. */
    public void rewind(Upstream.Of leader, Duration timeout) throws PostgresException {
        cloning.rewind(leader, Deadline.in(timeout));
    }

    /** Renames the data directory of a stopped server out of the way; returns its new place. */
    public Path setAside(String why) throws PostgresException {
        requireStopped("set aside");
        return data.setAside(why);
    }

    /** Deletes the data directory of a stopped server. */
    public void remove(String why) throws PostgresException {
        requireStopped("removed");
        data.remove(why);
    }

    public Binaries binaries() {
        return binaries;
    }

    public Path stateDir() {
        return stateDir;
    }

    /** Closes the monitoring connection. The server keeps running. */
    @Override
    public void close() {
        disk.close();
        monitor.forget();
        writeCheck.forget();
    }

    private void requireStopped(String what) throws PostgresException {
        Optional<LinuxProcess> running = postmaster.current();
        if (running.isPresent()) {
            throw new PostgresException("The data directory " + config.dataDir() + " was not " + what
                    + ": a postmaster runs on it (pid " + running.get().pid() + "). Stop it first.");
        }
    }
}
