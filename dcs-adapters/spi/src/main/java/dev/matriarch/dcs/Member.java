package dev.matriarch.dcs;

import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What one member publishes about itself.
 *
 * @param connUrl how clients reach its PostgreSQL: {@code postgres://host:port/database}
 * @param apiUrl its REST door, ending in {@code /patroni}
 * @param rpcAddress its gRPC door, {@code host:port}; empty for a Patroni member
 * @param state {@code running}, {@code stopped}, {@code starting}, {@code creating replica}…
 * @param role {@code primary}, {@code replica}, {@code standby_leader}, {@code demoted}, {@code uninitialized}
 * @param version of the agent
 * @param xlogLocation flushed position of a primary, max(received, replayed) of a replica
 * @param receiveLsn replicas only
 * @param replayLsn replicas only
 * @param replicationState {@code streaming} or {@code in archive recovery}
 * @param tags effective tags; values are Boolean, Integer or String
 * @param pendingRestart parameters that wait for a restart: name to "old->new"
 * @param checkpointAfterPromote false on a primary until its first checkpoint after promotion is done
 * @param plannedRestart a restart scheduled for later
 * @param copying how far the copy is that makes it a replica
 * @param proxyUrl like connUrl, of a pooler or proxy in front of it
 */
public record Member(
        String name,
        String connUrl,
        String apiUrl,
        String rpcAddress,
        String state,
        String role,
        String version,
        Optional<Lsn> xlogLocation,
        Optional<Lsn> receiveLsn,
        Optional<Lsn> replayLsn,
        Optional<String> replicationState,
        OptionalInt timeline,
        Map<String, Object> tags,
        Map<String, String> pendingRestart,
        Optional<Boolean> checkpointAfterPromote,
        boolean paused,
        Optional<PlannedRestart> plannedRestart,
        Optional<CloneStatus> copying,
        Optional<String> proxyUrl) {
    public Member {
        Objects.requireNonNull(name, "name");
        tags = Map.copyOf(tags);
        pendingRestart = Map.copyOf(pendingRestart);
    }

    /** Begins a replica that runs and of which nothing else is known. */
    public static MemberBuilder named(String name) {
        return new MemberBuilder(name);
    }

    /** Begins a member that is like this one but for what is said next. */
    public MemberBuilder but() {
        return MemberBuilder.like(this);
    }

    public boolean isRunning() {
        return state.equals("running");
    }

    /** The role with the old word translated; {@code promoted} counts as primary. */
    public boolean isPrimary() {
        return role.equals("primary") || role.equals("master") || role.equals("promoted");
    }

    public boolean flag(String tag) {
        return tags.get(tag) instanceof Boolean b && b;
    }

    /** True for a member that must never be promoted: {@code nofailover}, or a priority of 0 or less. */
    public boolean nofailover() {
        return tags.containsKey("nofailover") ? flag("nofailover") : failoverPriority() <= 0;
    }

    /** False for one of Patroni below 4.0, which does not know quorum commit and takes that mode for {@code off}. */
    public boolean knowsQuorumCommit() {
        return !rpcAddress.isEmpty() || !version.matches("[0-3]\\..*");
    }

    public int failoverPriority() {
        return tags.get("failover_priority") instanceof Number n ? n.intValue() : 1;
    }

    /** Higher is preferred among synchronous standbys; 0 or less, or {@code nosync}: never one. */
    public int syncPriority() {
        if (flag("nosync")) {
            return 0;
        }
        return tags.get("sync_priority") instanceof Number n ? n.intValue() : 1;
    }

    /** Name of the member it replicates from, if it asked for another than the leader. */
    public Optional<String> replicateFrom() {
        return tags.get("replicatefrom") instanceof String s ? Optional.of(s) : Optional.empty();
    }
}
