package dev.matriarch.agent.ha;

import dev.matriarch.dcs.Lsn;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * What the agent remembers from earlier heartbeats. Times are monotonic nanoseconds.
 *
 * @param following the upstream that the server was last configured for; empty: unknown
 * @param followingSince when that was
 * @param divergence the finding against the leader of {@code divergenceEpoch}
 * @param divergenceEpoch lock epoch of the leader it was compared with
 * @param rewindFailed the last rewind against that leader failed
 * @param steppingDown this member is handing the lock over; it releases it once PostgreSQL has stopped
 * @param releasedAt when this member last gave the lock away
 * @param guarded a living guard holds a deadline for the server on this data directory
 * @param failedStarts failed attempts in a row to create, start or promote the server, since the lock was taken if it was
 * @param retryAt earliest moment for another attempt of what failed last
 * @param standBackUntil until when this member leaves the lock to others, having given it up
 * @param standbyNamesSince flushed position when the live synchronous_standby_names took effect; empty: unknown
 * @param bootstrapped this member has just created the cluster's data directory and runs it
 * @param bootstrapFailed why this member could not create the cluster; it ends then
 * @param startingSince since when the server has been alive without accepting connections
 * @param primarySince when the server was first seen out of recovery under the lock it holds now
 * @param lockSince since when this member has held the lock without a break
 * @param orderedAt when the order that is being obeyed was given
 * @param storeLostSince since when the configuration store has not answered; empty: it does
 * @param recentMembers members seen in the store within {@code member_slots_ttl}: their slots are kept
 * @param walFlow what arrives while nobody leads
 * @param writePath whether the server, while it is a primary, still gets commits to its disk
 * @param failsafe who may race, and what was promised to whom
 * @param wishes what operators asked for and is not over yet
 * @param slots what is remembered of replication slots
 * @param lifecycle starts, stops and promotions
 */
public record Situation(
        Optional<Upstream> following,
        long followingSince,
        Divergence divergence,
        long divergenceEpoch,
        boolean rewindFailed,
        boolean steppingDown,
        OptionalLong releasedAt,
        boolean guarded,
        int failedStarts,
        OptionalLong retryAt,
        OptionalLong standBackUntil,
        Optional<Lsn> standbyNamesSince,
        boolean bootstrapped,
        Optional<String> bootstrapFailed,
        OptionalLong startingSince,
        OptionalLong primarySince,
        OptionalLong lockSince,
        OptionalLong orderedAt,
        OptionalLong storeLostSince,
        Set<String> recentMembers,
        WalFlow walFlow,
        WritePath writePath,
        Failsafe failsafe,
        Wishes wishes,
        SlotMemory slots,
        Lifecycle lifecycle) {

    /**
     * @param downSince since when the server has not been running well under the lock that this member holds
     * @param prePromoteEpoch the lock under which the pre-promote script ran last; 0: it did not
     * @param prePromotePassed what that script said
     * @param crashRecoveryTried single-user recovery was tried since the server ran last
     */
    public record Lifecycle(
            OptionalLong downSince, long prePromoteEpoch, boolean prePromotePassed, boolean crashRecoveryTried) {
        public static final Lifecycle NONE = new Lifecycle(OptionalLong.empty(), 0, false, false);
    }

    public Situation {
        recentMembers = Set.copyOf(recentMembers);
    }

    public static Situation fresh() {
        return new Situation(
                Optional.empty(),
                0,
                new Divergence.Unchecked(),
                0,
                false,
                false,
                OptionalLong.empty(),
                false,
                0,
                OptionalLong.empty(),
                OptionalLong.empty(),
                Optional.empty(),
                false,
                Optional.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                Set.of(),
                WalFlow.NONE,
                WritePath.unknown(),
                new Failsafe(Map.of(), Optional.empty(), 0),
                Wishes.NONE,
                SlotMemory.NONE,
                Lifecycle.NONE);
    }

    /** The finding, if it was made against the leader of this epoch. */
    public Divergence divergenceAgainst(long epoch) {
        return epoch == divergenceEpoch ? divergence : new Divergence.Unchecked();
    }
}
