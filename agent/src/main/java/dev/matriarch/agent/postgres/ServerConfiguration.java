package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import dev.matriarch.agent.config.ServerFiles;
import dev.matriarch.agent.ha.Upstream;
import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the local server goes by: its files as they were written last, and how a running server takes them up.
 *
 * <p>From the thread that acts; two that write at the same time wait for each other. All calls block, for the time they
 * name or for two seconds of the disk.
 */
public final class ServerConfiguration {
    private static final Logger log = LoggerFactory.getLogger(ServerConfiguration.class);

    private static final int FOLLOWS_WITHOUT_RESTART = 13;
    private static final Duration SHORT_WRITE = Duration.ofSeconds(2);

    private volatile PostgresConfig config;
    private final int major;
    private final ConfigurationFiles files;
    private final Postmaster postmaster;
    private final Monitor monitor;
    private final Connections connections;
    private final DiskCalls disk;
    private final StandbyPrompt standbyPrompt;
    private final StandbyAsWritten standbyAsWritten;
    private final RecoveryDrift recoveryDrift;
    private final ReentrantLock lock = new ReentrantLock();

    /** @param major version of the server */
    ServerConfiguration(
            PostgresConfig config,
            int major,
            ConfigurationFiles files,
            Postmaster postmaster,
            Monitor monitor,
            Connections connections,
            DiskCalls disk) {
        this.config = config;
        this.major = major;
        this.files = files;
        this.postmaster = postmaster;
        this.monitor = monitor;
        this.connections = connections;
        this.disk = disk;
        standbyPrompt = new StandbyPrompt(connections);
        standbyAsWritten = new StandbyAsWritten(
                files, ConfigPlaces.of(config), monitor, major, () -> change(wanted -> wanted), postmaster::reload);
        recoveryDrift = new RecoveryDrift(standbyAsWritten, System::nanoTime);
    }

    /** From the next {@link #write} on. */
    void reconfigure(PostgresConfig changed) {
        config = changed;
        files.reconfigure(changed);
    }

    /**
     * Writes everything that PostgreSQL reads at start. A running server sees it after {@link #reload}.
     *
     * @param parameters merged parameters of cluster and member
     * @param upstreamOrNull null for a primary
     * @param synchronousStandbyNames empty: the parameter is not written
     */
    public void write(Map<String, String> parameters, Upstream upstreamOrNull, Optional<String> synchronousStandbyNames)
            throws PostgresException {
        write(parameters, upstreamOrNull, synchronousStandbyNames, true);
    }

    /** @param useSlots the upstream keeps a slot for this member */
    public void write(
            Map<String, String> parameters,
            Upstream upstreamOrNull,
            Optional<String> synchronousStandbyNames,
            boolean useSlots)
            throws PostgresException {
        write(parameters, upstreamOrNull, synchronousStandbyNames, useSlots, ServerFiles.of(config));
    }

    /** @param serverFiles those of cluster and member together */
    public void write(
            Map<String, String> parameters,
            Upstream upstreamOrNull,
            Optional<String> synchronousStandbyNames,
            boolean useSlots,
            ServerFiles serverFiles)
            throws PostgresException {
        lock.lock();
        try {
            files.write(new ConfigurationFiles.Wanted(
                    parameters, Optional.ofNullable(upstreamOrNull), synchronousStandbyNames, useSlots, serverFiles));
        } finally {
            lock.unlock();
        }
    }

    /** False as long as this agent has not written the server's files: those in force are an earlier agent's. */
    public boolean isWritten() {
        return files.known().isPresent();
    }

    private void change(UnaryOperator<ConfigurationFiles.Wanted> how) throws PostgresException {
        lock.lock();
        try {
            files.write(how.apply(files.wanted()));
        } finally {
            lock.unlock();
        }
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

    /** Makes a running server read its configuration again; harmless if it does not run. */
    public void reload() throws PostgresException {
        lock.lock();
        try {
            tryOutAccessFiles();
        } finally {
            lock.unlock();
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

    /** Points a replica to another server. Before PostgreSQL 13 that holds from its next start on. */
    public void follow(Upstream upstream) throws PostgresException {
        briefly(() -> {
            change(wanted -> wanted.withUpstream(Optional.of(upstream)));
            postmaster.reload();
        });
    }

    /** True if only a restart makes the running standby follow whom its files name: before PostgreSQL 13. */
    public boolean restartsToFollow() throws PostgresException {
        return major < FOLLOWS_WITHOUT_RESTART && !followsAsWritten();
    }

    /** The running standby follows whom its files name. */
    boolean followsAsWritten() throws PostgresException {
        return standbyAsWritten.upstreamIsInForce();
    }

    /** The server has become a primary: its files follow. */
    void promoted() {
        lock.lock();
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
            lock.unlock();
        }
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
}
