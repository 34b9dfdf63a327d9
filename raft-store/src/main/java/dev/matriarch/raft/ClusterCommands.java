package dev.matriarch.raft;

import com.google.protobuf.ByteString;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Barrier;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Delete;
import dev.matriarch.proto.store.v1.DeletePrefix;
import dev.matriarch.proto.store.v1.Expectation;
import dev.matriarch.proto.store.v1.ExpireLease;
import dev.matriarch.proto.store.v1.GrantLease;
import dev.matriarch.proto.store.v1.Operation;
import dev.matriarch.proto.store.v1.Put;
import dev.matriarch.proto.store.v1.RaiseFeatureLevel;
import dev.matriarch.proto.store.v1.ReleaseLease;
import dev.matriarch.proto.store.v1.RenewLease;
import dev.matriarch.proto.store.v1.RequireLease;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import dev.matriarch.raft.state.StoreState.Lease;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/** The log entry behind each change of a cluster's keys and leases. Pure. */
public final class ClusterCommands {
    /** The lease whose holder is the leader. */
    public static final String LEADER_LEASE = "leader";

    private static final String MEMBER_LEASE_PREFIX = "member/";

    private ClusterCommands() {}

    /**
     * Takes the free lock, unless somebody has led since {@code decidedOn}. A candidate has compared itself with the others as
     * they were before it asked; a request that is held up on its way, or an old view of the cluster that was decided upon
     * while this peer caught up, must not make it the leader after commits that it has not seen. Each leader writes the
     * {@code status} key: it must be as it was.
     *
     * @param local what this peer shows now
     * @param decidedOn the revision of the view by which this member may lead, not after {@code local}
     */
    public static Command acquireLeader(StoreState local, String member, Duration ttl, long decidedOn) {
        Optional<StoreState.Entry> status = local.entry(ClusterKeys.STATUS);
        Expectation unchanged = status.map(
                        s -> Expectation.newBuilder().setRevision(Math.min(s.modRevision(), decidedOn)))
                .orElseGet(() -> Expectation.newBuilder().setAbsent(true))
                .build();
        String same = status.map(s -> s.value().toStringUtf8()).orElse(ClusterJson.writeStatus(ClusterStatus.NONE));
        return of(
                grant(LEADER_LEASE, member, ttl),
                put(ClusterKeys.LEADER, member, Optional.empty(), LEADER_LEASE),
                put(ClusterKeys.STATUS, same, Optional.of(unchanged), ""));
    }

    /**
     * Renews the lock. A ttl that is shorter than the present one counts only if nothing has renewed the lock since what
     * {@code local} shows, else the present one stays until the next renewal.
     *
     * @param local what this peer shows now
     * @param status written in the same step if it differs from what {@code local} shows and nobody has written the key since
     */
    public static Command renewLeader(
            StoreState local, String member, long epoch, Duration ttl, Optional<ClusterStatus> status) {
        Command.Builder command = of(Operation.newBuilder()
                        .setRenewLease(RenewLease.newBuilder()
                                .setName(LEADER_LEASE)
                                .setHolder(member)
                                .setEpoch(epoch)
                                .setTtlMillis(ttl.toMillis())
                                .setSeenRenewal(lastRenewal(local)))
                        .build())
                .toBuilder();
        if (local.entry(ClusterKeys.LEADER).isEmpty()) {
            // Somebody removed the key by hand; the lease is what counts.
            command.addOperations(put(ClusterKeys.LEADER, member, Optional.empty(), LEADER_LEASE));
        }
        status.map(ClusterJson::writeStatus)
                .filter(json -> differs(local, ClusterKeys.STATUS, json))
                .ifPresent(json -> command.addOperations(statusUnlessChanged(local, json)));
        return command.build();
    }

    /** A renewal that was held up must not take back what a later one has written: a claim of a timeline may be there. */
    private static Operation statusUnlessChanged(StoreState local, String json) {
        Operation write = put(ClusterKeys.STATUS, json, Optional.of(asShown(local, ClusterKeys.STATUS)), "");
        return write.toBuilder()
                .setPut(write.getPut().toBuilder().setOrKeep(true))
                .build();
    }

    private static Expectation asShown(StoreState local, String key) {
        return local.entry(key)
                .map(e -> Expectation.newBuilder().setRevision(e.modRevision()))
                .orElseGet(() -> Expectation.newBuilder().setAbsent(true))
                .build();
    }

    /**
     * Gives the lock back. Refused after the next renewal, as {@link #writeSync} is: whoever took its own lock up again, as it
     * heard nothing of its release, counts on it.
     *
     * @param local what this peer shows now, the leader's last renewal among it
     */
    public static Command releaseLeader(StoreState local, String member, long epoch, Optional<ClusterStatus> status) {
        Command.Builder command = Command.newBuilder()
                .setFormatVersion(Apply.FORMAT_VERSION)
                .addOperations(required(local, member, epoch));
        status.ifPresent(
                s -> command.addOperations(put(ClusterKeys.STATUS, ClusterJson.writeStatus(s), Optional.empty(), "")));
        return command.addOperations(release(LEADER_LEASE, member, epoch)).build();
    }

    /** True if the member's record already stands in the store as it is, under its own lease. */
    static boolean isStored(StoreState local, String member, String json) {
        String key = ClusterKeys.member(member);
        return !differs(local, key, json)
                && local.entry(key)
                        .map(e -> e.lease().equals(MEMBER_LEASE_PREFIX + member))
                        .orElse(false);
    }

    /** Keeps a member's record alive, and writes it if the peer shows another. */
    public static Command touchMember(StoreState local, String member, String json, Duration ttl) {
        String lease = MEMBER_LEASE_PREFIX + member;
        Command alive = of(grant(lease, member, ttl));
        return isStored(local, member, json)
                ? alive
                : alive.toBuilder()
                        .addOperations(put(ClusterKeys.member(member), json, Optional.empty(), lease))
                        .build();
    }

    public static Command write(String key, String value, Expected expected) {
        return of(put(key, value, expectation(expected), ""));
    }

    static Command write(String key, ByteString value, Expected expected) {
        return of(put(key, value, expectation(expected), ""));
    }

    /** Changes nothing; who waits for it has seen everything that was committed before. */
    static Command barrier() {
        return of(
                Operation.newBuilder().setBarrier(Barrier.getDefaultInstance()).build());
    }

    public static Command remove(String key, Expected expected) {
        Delete.Builder delete = Delete.newBuilder().setKey(key);
        expectation(expected).ifPresent(delete::setExpect);
        return of(Operation.newBuilder().setDelete(delete).build());
    }

    /**
     * Writes or removes the {@code sync} key as the leader of this epoch. Refused after the next renewal of the lock, by
     * whomever: a write that was held up then says nothing any more about whom PostgreSQL waits for.
     *
     * @param local what this peer shows now, the leader's last renewal among it
     */
    public static Command writeSync(
            StoreState local, String leader, long epoch, Optional<SyncState> state, Expected expected) {
        return asLeader(
                local,
                leader,
                epoch,
                state.isPresent()
                        ? write(ClusterKeys.SYNC, ClusterJson.writeSync(state), expected)
                        : remove(ClusterKeys.SYNC, expected));
    }

    /** Writes the {@code failsafe} key as {@link #writeSync} does its own: who may race, this leader asks for promises. */
    public static Command writeFailsafe(StoreState local, String leader, long epoch, Map<String, String> apiUrls) {
        String json = ClusterJson.writeFailsafe(apiUrls);
        return asLeader(local, leader, epoch, write(ClusterKeys.FAILSAFE, json, Expected.anything()));
    }

    private static Command asLeader(StoreState local, String leader, long epoch, Command write) {
        Operation required = required(local, leader, epoch);
        return of(required).toBuilder().mergeFrom(write).build();
    }

    private static Operation required(StoreState local, String leader, long epoch) {
        return Operation.newBuilder()
                .setRequireLease(RequireLease.newBuilder()
                        .setName(LEADER_LEASE)
                        .setHolder(leader)
                        .setEpoch(epoch)
                        .setRenewal(lastRenewal(local)))
                .build();
    }

    private static long lastRenewal(StoreState local) {
        return local.lease(LEADER_LEASE).map(Lease::renewal).orElse(0L);
    }

    /** From here on the log may hold what that level brings. */
    static Command raiseFeatureLevel(int level) {
        return of(Operation.newBuilder()
                .setRaiseFeatureLevel(RaiseFeatureLevel.newBuilder().setLevel(level))
                .build());
    }

    /** Proposed by the Raft leader only, once the lease is due by its own clock. */
    public static Command expire(Lease lease) {
        return of(Operation.newBuilder()
                .setExpireLease(ExpireLease.newBuilder()
                        .setName(lease.name())
                        .setEpoch(lease.epoch())
                        .setRenewal(lease.renewal()))
                .build());
    }

    /**
     * Removes every key, unless somebody leads: the lock of a leader whose server may still take writes is never taken away.
     * Leases of members end by themselves.
     */
    public static Command removeCluster() {
        return of(
                Operation.newBuilder()
                        .setDelete(Delete.newBuilder()
                                .setKey(ClusterKeys.LEADER)
                                .setExpect(Expectation.newBuilder().setAbsent(true)))
                        .build(),
                Operation.newBuilder()
                        .setDeletePrefix(DeletePrefix.getDefaultInstance())
                        .build());
    }

    static boolean differs(StoreState state, String key, String value) {
        return state.entry(key)
                .map(e -> !e.value().toStringUtf8().equals(value))
                .orElse(true);
    }

    static Operation release(String name, String holder, long epoch) {
        return Operation.newBuilder()
                .setReleaseLease(ReleaseLease.newBuilder()
                        .setName(name)
                        .setHolder(holder)
                        .setEpoch(epoch))
                .build();
    }

    private static Command of(Operation... operations) {
        Command.Builder command = Command.newBuilder().setFormatVersion(Apply.FORMAT_VERSION);
        for (Operation operation : operations) {
            command.addOperations(operation);
        }
        return command.build();
    }

    private static Optional<Expectation> expectation(Expected expected) {
        return switch (expected) {
            case Expected.Anything() -> Optional.empty();
            case Expected.Absent() ->
                Optional.of(Expectation.newBuilder().setAbsent(true).build());
            case Expected.Revision(long revision) ->
                Optional.of(Expectation.newBuilder().setRevision(revision).build());
        };
    }

    private static Operation put(String key, String value, Optional<Expectation> expectation, String lease) {
        return put(key, ByteString.copyFromUtf8(value), expectation, lease);
    }

    private static Operation put(String key, ByteString value, Optional<Expectation> expectation, String lease) {
        Put.Builder put = Put.newBuilder().setKey(key).setValue(value).setLease(lease);
        expectation.ifPresent(put::setExpect);
        return Operation.newBuilder().setPut(put).build();
    }

    private static Operation grant(String name, String holder, Duration ttl) {
        return Operation.newBuilder()
                .setGrantLease(
                        GrantLease.newBuilder().setName(name).setHolder(holder).setTtlMillis(ttl.toMillis()))
                .build();
    }
}
