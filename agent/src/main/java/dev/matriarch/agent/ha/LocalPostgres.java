package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Optional;

/**
 * What the local PostgreSQL server is at this moment.
 *
 * @param dataDirectory what lies in the data directory
 * @param systemIdentifier from the control file; empty if there is none to read
 * @param process state of the postmaster
 * @param control from the control file while the server is stopped or stopping
 * @param status from one monitoring query; empty if the server did not answer it
 * @param problem why the server did not answer or the directory is unusable; empty if all is well
 */
public record LocalPostgres(
        DataDirectory dataDirectory,
        Optional<String> systemIdentifier,
        Process process,
        Optional<ControlFile> control,
        Optional<Status> status,
        String problem) {

    public enum DataDirectory {
        /** Missing or without a file. */
        EMPTY,
        VALID,
        /** Holds something that is not a PostgreSQL data directory, or cannot be read. */
        UNUSABLE,
        /** A copy into it did not finish, and nothing else is in it: it may be begun anew or gone on with. */
        PARTIAL_COPY,
        /** A rewind or clone into it did not finish: must not be started. */
        HALF_WRITTEN
    }

    public enum Process {
        STOPPED,
        /** Alive, does not accept connections yet. */
        STARTING,
        RUNNING,
        STOPPING
    }

    /**
     * @param state as pg_controldata prints it: {@code in production}, {@code shut down}, {@code shut down in recovery},
     *     {@code in archive recovery}, {@code in crash recovery}, {@code shutting down}
     * @param checkpoint location of the last checkpoint record
     * @param minRecoveryPoint {@link Lsn#INVALID} if not set
     * @param rewindable data checksums or wal_log_hints are on
     */
    public record ControlFile(
            String state,
            int timeline,
            Lsn checkpoint,
            Lsn minRecoveryPoint,
            int minRecoveryTimeline,
            boolean rewindable) {
        /** True if it stopped as a primary without finishing its shutdown checkpoint. */
        public boolean crashedAsPrimary() {
            return state.equals("in production") || state.equals("shutting down") || state.equals("in crash recovery");
        }

        /** True if it stopped as a standby. */
        public boolean wasStandby() {
            return state.equals("shut down in recovery") || state.equals("in archive recovery");
        }
    }

    /**
     * @param timeline of the WAL being written (primary) or received, else replayed (replica); 0 unknown
     * @param position flushed position of a primary, max(received, replayed) of a replica; {@link Lsn#INVALID} while a
     *     replica still replays WAL from before its start
     * @param received last position received by streaming; {@link Lsn#INVALID} if none
     * @param streaming a WAL receiver is connected and streaming
     * @param synchronousStandbyNames the live setting
     * @param reloadTakenUp false while the checkpointer is too busy for a changed configuration: until it takes one up,
     *     commits do not wait for standbys if they did not before
     * @param synchronousCommit the server's default of synchronous_commit
     * @param senders one for each connected WAL sender
     * @param slots replication slots
     * @param serverVersion server_version_num
     * @param postmasterStartTime as PostgreSQL prints it
     * @param pendingRestart parameters waiting for a restart, name to "old->new"
     * @param upstreamEnd end of the WAL that the upstream has announced; empty if none did
     */
    public record Status(
            boolean inRecovery,
            int timeline,
            Lsn position,
            Lsn received,
            Lsn replayed,
            boolean replayPaused,
            Optional<String> replayTimestamp,
            boolean streaming,
            String synchronousStandbyNames,
            boolean reloadTakenUp,
            String synchronousCommit,
            List<Sender> senders,
            List<Slot> slots,
            int serverVersion,
            String postmasterStartTime,
            java.util.Map<String, String> pendingRestart,
            Optional<Lsn> upstreamEnd) {
        private static final int MOVES_SLOTS = 110_000;

        /** False before PostgreSQL 11: a slot that nobody reads from stays where it is, and keeps WAL from there on. */
        public boolean canMoveSlots() {
            return serverVersion == 0 || serverVersion >= MOVES_SLOTS;
        }

        /** Of a server that has no upstream, or one that has said nothing. */
        public Status(
                boolean inRecovery,
                int timeline,
                Lsn position,
                Lsn received,
                Lsn replayed,
                boolean replayPaused,
                Optional<String> replayTimestamp,
                boolean streaming,
                String synchronousStandbyNames,
                boolean reloadTakenUp,
                String synchronousCommit,
                List<Sender> senders,
                List<Slot> slots,
                int serverVersion,
                String postmasterStartTime,
                java.util.Map<String, String> pendingRestart) {
            this(
                    inRecovery,
                    timeline,
                    position,
                    received,
                    replayed,
                    replayPaused,
                    replayTimestamp,
                    streaming,
                    synchronousStandbyNames,
                    reloadTakenUp,
                    synchronousCommit,
                    senders,
                    slots,
                    serverVersion,
                    postmasterStartTime,
                    pendingRestart,
                    Optional.empty());
        }
    }

    /** A row of pg_stat_replication. */
    public record Sender(
            String applicationName,
            String user,
            String clientAddress,
            String state,
            String syncState,
            int syncPriority,
            Lsn write,
            Lsn flush,
            Lsn replay) {}

    /**
     * A replication slot that is not temporary.
     *
     * @param restart where the WAL begins that it holds back; {@link Lsn#INVALID} if it holds none
     * @param logical empty for a physical one
     * @param walStatus as {@code pg_replication_slots} says; empty before PostgreSQL 13
     * @param holdsRows it keeps dead rows from being removed, those of catalogs at least
     * @param catalogXmin 0 if none
     */
    public record Slot(
            String name,
            boolean active,
            Lsn restart,
            Optional<LogicalSlot> logical,
            String walStatus,
            boolean holdsRows,
            long catalogXmin) {
        /** A physical slot in good order. */
        public Slot(String name, boolean active, Lsn restart) {
            this(name, active, restart, Optional.empty(), "", false, 0);
        }

        public boolean isLost() {
            return walStatus.equals("lost");
        }

        /** How far its reader has come; {@link Lsn#INVALID} if that is not known. */
        public Lsn reached() {
            return logical.map(LogicalSlot::confirmed).orElse(restart);
        }
    }

    /**
     * @param confirmed {@link Lsn#INVALID} if not known
     * @param failover PostgreSQL 17 copies it to standbys
     * @param synced PostgreSQL 17 has copied it from the primary
     */
    public record LogicalSlot(String database, String plugin, Lsn confirmed, boolean failover, boolean synced) {}

    public boolean isRunning() {
        return process == Process.RUNNING;
    }

    /** Its shutdown checkpoint is written: it writes nothing more, although its postmaster still waits for the archiver. */
    public boolean isSealed() {
        return process == Process.STOPPING
                && control.map(c -> c.state().equals("shut down")).orElse(false);
    }

    /** Running and known to be out of recovery. */
    public boolean isPrimary() {
        return status.map(s -> !s.inRecovery()).orElse(false);
    }

    public boolean isReplica() {
        return status.map(Status::inRecovery).orElse(false);
    }
}
