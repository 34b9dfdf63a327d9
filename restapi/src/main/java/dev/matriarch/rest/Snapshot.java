package dev.matriarch.rest;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.PlannedRestart;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * One observation of the agent, complete and immutable. All {@code …Nanos} are values of {@link System#nanoTime()}.
 *
 * @param version of the agent
 * @param systemIdentifier of the local data directory; absent before there is one
 * @param state of local PostgreSQL as users read it: {@code running}, {@code stopped}, {@code creating replica}…
 * @param role known without asking PostgreSQL: {@code primary}, {@code replica}, {@code standby_leader},
 *     {@code demoted}, {@code promoted}, {@code uninitialized}
 * @param postgres what the monitoring query said; absent if PostgreSQL did not answer it
 * @param syncStandby a member of the synchronous set, in mode {@code on}
 * @param quorumStandby a voter of the synchronous quorum, in mode {@code quorum}
 * @param synchronousMode of the cluster, in force
 * @param standbyCluster the whole cluster follows another one
 * @param watchdogFailed the member requires a watchdog and cannot use it: it must not lead
 * @param maximumLagOnFailover bytes; what {@code /readiness} allows unless asked otherwise
 * @param tags effective tags; values are Boolean, Integer or String
 * @param cluster the store's view; absent if it was never read
 * @param clusterFreshUntilNanos after this the view is too old to answer from: last successful read plus ttl
 * @param dcsLastSeen epoch seconds of the last successful read of the store
 * @param leaseDeadlineNanos present while this member holds the leader lock: after it the lock must be taken as lost
 * @param nextRunNanos when the loop means to make its next observation at the latest
 * @param ttl of the leader lock
 * @param plannedRestart scheduled for later
 */
public record Snapshot(
        String scope,
        String name,
        String version,
        Optional<String> systemIdentifier,
        String state,
        String role,
        Optional<Postgres> postgres,
        boolean syncStandby,
        boolean quorumStandby,
        SynchronousMode synchronousMode,
        boolean standbyCluster,
        boolean paused,
        boolean watchdogFailed,
        long maximumLagOnFailover,
        Map<String, Object> tags,
        Optional<ClusterView> cluster,
        OptionalLong clusterFreshUntilNanos,
        OptionalLong dcsLastSeen,
        OptionalLong leaseDeadlineNanos,
        long nextRunNanos,
        Duration ttl,
        Optional<PlannedRestart> plannedRestart,
        Failsafe failsafe) {

    public Snapshot {
        Objects.requireNonNull(state, "state");
        Objects.requireNonNull(role, "role");
        tags = Map.copyOf(tags);
    }

    public enum SynchronousMode {
        OFF,
        ON,
        QUORUM
    }

    /**
     * Failsafe mode.
     *
     * @param listed who may take the lock, as the last leader wrote it: name to API address
     * @param activeUntilNanos while a leader without the store stays because all others agree, this member among them
     */
    public record Failsafe(boolean enabled, Map<String, String> listed, OptionalLong activeUntilNanos) {
        public static final Failsafe OFF = new Failsafe(false, Map.of(), OptionalLong.empty());

        public Failsafe {
            listed = Map.copyOf(listed);
        }

        boolean isActive(long nowNanos) {
            return activeUntilNanos.isPresent() && activeUntilNanos.getAsLong() - nowNanos > 0;
        }
    }

    /**
     * @param serverVersion server_version_num
     * @param startTime of the postmaster, as PostgreSQL prints it
     * @param timeline absent: unknown
     * @param location flushed position of a primary; {@link Lsn#INVALID} on a replica
     * @param received last position received; {@link Lsn#INVALID} on a primary or if nothing was received
     * @param replayed {@link Lsn#INVALID} on a primary
     * @param leaderEnd newest position the upstream announced; {@link Lsn#INVALID} if unknown
     * @param replayTimestamp as PostgreSQL prints it
     * @param replicationState {@code streaming} or {@code in archive recovery}
     * @param replication one for each connected WAL sender
     * @param pendingRestart parameters that wait for a restart: name to {@code old->new}
     */
    public record Postgres(
            boolean inRecovery,
            int serverVersion,
            String startTime,
            OptionalInt timeline,
            Lsn location,
            Lsn received,
            Lsn replayed,
            Lsn leaderEnd,
            Optional<String> replayTimestamp,
            boolean replayPaused,
            Optional<String> replicationState,
            List<Sender> replication,
            Map<String, String> pendingRestart) {
        public Postgres {
            replication = List.copyOf(replication);
            pendingRestart = Map.copyOf(pendingRestart);
        }
    }

    /** A row of pg_stat_replication. */
    public record Sender(
            String user,
            String applicationName,
            String clientAddress,
            String state,
            String syncState,
            int syncPriority) {}

    /** True while the leader lock is this member's, by this machine's own clock. */
    boolean holdsLease(long nowNanos) {
        return leaseDeadlineNanos.isPresent() && leaseDeadlineNanos.getAsLong() - nowNanos > 0;
    }

    /** The store's view if it is recent enough to answer from. */
    Optional<ClusterView> freshCluster(long nowNanos) {
        return clusterFreshUntilNanos.isPresent() && clusterFreshUntilNanos.getAsLong() - nowNanos > 0
                ? cluster
                : Optional.empty();
    }

    /**
     * True while the agent's loop keeps its appointments: it may be late by the ttl on a running primary, twice that
     * elsewhere. An observation older than that says nothing about the server.
     */
    boolean loopIsAlive(long nowNanos) {
        boolean runningPrimary = isRunning() && reportedRole().equals("primary");
        long patience = ttl.toNanos() * (runningPrimary ? 1 : 2);
        return nextRunNanos + patience - nowNanos > 0;
    }

    boolean isRunning() {
        return state.equals("running");
    }

    /** The role that PostgreSQL itself shows; the remembered one if it does not answer. */
    String reportedRole() {
        return postgres.map(p -> !p.inRecovery() ? "primary" : isStandbyLeader() ? "standby_leader" : "replica")
                .orElse(role);
    }

    private boolean isStandbyLeader() {
        return standbyCluster && role.equals("standby_leader");
    }

    /** How far this server's WAL reaches, in bytes; 0 if that is not known. */
    long positionInWal() {
        return postgres.map(p -> Lsn.max(p.location(), Lsn.max(p.received(), p.replayed())))
                .map(Lsn::value)
                .filter(v -> v > 0)
                .orElse(0L);
    }

    boolean flag(String tag) {
        return tags.get(tag) instanceof Boolean b && b;
    }
}
