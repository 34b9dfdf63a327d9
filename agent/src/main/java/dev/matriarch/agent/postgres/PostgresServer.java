package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.BootstrapConfig;
import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.SlotChange;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.dcs.Lsn;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The local PostgreSQL server: its files, its processes and the agent's connections to it.
 *
 * <p>{@link #observe} may be called at any time from any thread. Everything else changes something: one at a time, from
 * the thread that acts. All calls block, none longer than its timeout; interrupting the thread ends long ones.
 */
public final class PostgresServer implements AutoCloseable {
    private static final Duration IDLE_WRITES = Duration.ofSeconds(30);

    private volatile PostgresConfig config;
    private final Path stateDir;
    private final Binaries binaries;
    private final DataDirectory data;
    private final Connections connections;
    private final Postmaster postmaster;
    private final Monitor monitor;
    private final WriteCheck writeCheck;
    private final DiskCalls disk;
    private final ControlData controlData;
    private final LibpqAccess libpq;
    private final ServerSight sight;
    private final ServerConfiguration configuration;
    private final TrialStart trialStart;
    private final Replication replication;
    private final SlotWork slots;
    private final LogicalSlotFiles logicalSlots;
    private final Promotion promotion;
    private final TakenTimelines taken;
    private final Cloning cloning;
    private final FirstServer firstServer;
    private final ReplicaCreation replicaCreation;

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
        controlData = new ControlData(binaries, config.dataDir());
        libpq = new LibpqAccess(config, binaries.major(), memberName);
        ConfigurationFiles files = new ConfigurationFiles(config, binaries, libpq, scope, memberName);
        postmaster = new Postmaster(config, binaries, data, controlData, files, stateDir);
        slots = new SlotWork(connections);
        monitor = new Monitor("Matriarch heartbeat", connections, data, postmaster, controlData);
        logicalSlots = new LogicalSlotFiles(connections, config.dataDir(), monitor, postmaster);
        writeCheck = new WriteCheck(
                config,
                binaries.major(),
                new Monitor("Matriarch write probe", connections, data, postmaster, controlData),
                IDLE_WRITES);
        disk = new DiskCalls("the storage of " + config.dataDir());
        sight = new ServerSight(monitor, postmaster, disk);
        configuration =
                new ServerConfiguration(config, binaries.major(), files, postmaster, monitor, connections, disk);
        trialStart = new TrialStart(postmaster, files);
        OpenedTimeline opened = new OpenedTimeline(config.dataDir(), memberName);
        replication = new Replication(config, binaries, data, connections, controlData, opened);
        taken = new TakenTimelines(config.dataDir());
        promotion = new Promotion(binaries, config.dataDir(), monitor, opened, taken);
        cloning = new Cloning(config, binaries, data, files, libpq);
        OperatorCommand command = new OperatorCommand(stateDir);
        CustomBootstrap custom =
                new CustomBootstrap(config, scope, binaries, data, files, libpq, postmaster, controlData, command);
        replicaCreation = new ReplicaCreation(config, scope, data, libpq, cloning, command);
        firstServer = new FirstServer(config, data, cloning, custom, command, connections, postmaster);
    }

    /**
     * Takes up what of a changed configuration can change while the server runs; the files follow with the next
     * {@link ServerConfiguration#write}. Any thread.
     *
     * @param changed with the same addresses, directories and programs as before
     */
    public void reconfigure(PostgresConfig changed) {
        config = changed;
        connections.reconfigure(changed);
        libpq.reconfigure(changed);
        configuration.reconfigure(changed);
        cloning.reconfigure(changed);
        replicaCreation.reconfigure(changed);
    }

    /** What the server is now. Never throws and never takes longer than the timeout by more than a few milliseconds. */
    public LocalPostgres observe(Duration timeout) {
        return sight.observe(timeout);
    }

    /** What the server goes by. */
    public ServerConfiguration configuration() {
        return configuration;
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
        return sight.postmasterPid();
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

    /** Starts a server with the configuration last written; returns as soon as the postmaster lives. */
    public Startup start(Duration timeout) throws PostgresException {
        taken.forget(observe(timeout));
        return trialStart.run(OptionalLong.empty(), Deadline.in(timeout));
    }

    /**
     * Like {@link #start}, but nothing is started after the given moment, however long this process was paused before.
     *
     * @param uptimeCentis as in {@code /proc/uptime}, hundredths of a second
     */
    public Startup startAsPrimaryNotAfter(long uptimeCentis, Duration timeout) throws PostgresException {
        return trialStart.run(OptionalLong.of(uptimeCentis), Deadline.in(timeout));
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
        promotion.run(observe(timeout).status(), timeline, deadline);
        configuration.promoted();
    }

    public void checkpoint(Duration timeout) throws PostgresException {
        replication.checkpoint(Deadline.in(timeout));
    }

    /** Makes a checkpoint on a primary whose control file still names the timeline before its promotion. */
    public void checkpointOfNewTimeline(Duration timeout) throws PostgresException {
        replication.checkpointOfNewTimeline(Deadline.in(timeout));
    }

    /** Takes over a server that an earlier agent started. True if there is one. */
    public boolean adopt() {
        return postmaster.current().isPresent();
    }

    /** Runs the action once, at once, when the postmaster that lives now has ended. False if none lives. */
    public boolean onExit(Runnable action) {
        return sight.onExit(action);
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
        return logicalSlots.copy(leader, names, Deadline.in(timeout), stop);
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
        postmaster.requireStopped("set aside");
        return data.setAside(why);
    }

    /** Deletes the data directory of a stopped server. */
    public void remove(String why) throws PostgresException {
        postmaster.requireStopped("removed");
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
}
