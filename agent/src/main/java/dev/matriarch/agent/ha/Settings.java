package dev.matriarch.agent.ha;

import java.time.Duration;
import java.util.Optional;

/**
 * The cluster-wide settings that decisions depend on.
 *
 * @param ttl life of the leader lease after its last renewal
 * @param loopWait longest time between two heartbeats
 * @param retryTimeout how long an unanswered store or server is borne
 * @param safetyMargin how long before the lease's end a primary must have begun to stop
 * @param maximumLagOnFailover bytes that a candidate may be behind the last published position
 * @param synchronous how many standbys a commit waits for, and which
 * @param primaryStartTimeout how long a crashed primary may take to come back before another is sought; 0: at once
 * @param prePromote a script decides whether this member may be promoted
 * @param slots permanent slots, slots of others, and what the slots of members may cost
 * @param cloneWithoutLeader a replica can be made from the archive alone
 * @param standbyFromArchive so can the first member of a standby cluster
 * @param standbyCluster present: this cluster has no primary, its leader follows another cluster
 * @param discardOnDivergence a diverged data directory that cannot be rewound may be set aside and cloned anew
 * @param discardOnRewindFailure the same after a failed rewind
 * @param failsafeMode a primary without the store may stay if all others agree
 * @param primaryRaceBackoff how long a free lock is left alone while WAL keeps arriving; 0: not at all
 */
public record Settings(
        Duration ttl,
        Duration loopWait,
        Duration retryTimeout,
        Duration safetyMargin,
        long maximumLagOnFailover,
        boolean checkTimeline,
        Synchronous synchronous,
        boolean paused,
        Duration primaryStartTimeout,
        boolean usePgRewind,
        boolean useSlots,
        boolean discardOnDivergence,
        boolean discardOnRewindFailure,
        int maxTimelinesHistory,
        Duration primaryRaceBackoff,
        boolean failsafeMode,
        boolean prePromote,
        SlotRules slots,
        Optional<StandbyCluster> standbyCluster,
        boolean cloneWithoutLeader,
        boolean standbyFromArchive) {

    /** With no slots but those of members, and a primary of its own. */
    public Settings(
            Duration ttl,
            Duration loopWait,
            Duration retryTimeout,
            Duration safetyMargin,
            long maximumLagOnFailover,
            boolean checkTimeline,
            Synchronous synchronous,
            boolean paused,
            Duration primaryStartTimeout,
            boolean usePgRewind,
            boolean useSlots,
            boolean discardOnDivergence,
            boolean discardOnRewindFailure,
            int maxTimelinesHistory,
            Duration primaryRaceBackoff,
            boolean failsafeMode,
            boolean prePromote) {
        this(
                ttl,
                loopWait,
                retryTimeout,
                safetyMargin,
                maximumLagOnFailover,
                checkTimeline,
                synchronous,
                paused,
                primaryStartTimeout,
                usePgRewind,
                useSlots,
                discardOnDivergence,
                discardOnRewindFailure,
                maxTimelinesHistory,
                primaryRaceBackoff,
                failsafeMode,
                prePromote,
                SlotRules.NONE,
                Optional.empty(),
                false,
                false);
    }

    /**
     * @param strict with no standby to wait for, commits wait for one to come
     * @param nodeCount acknowledgements wanted besides the primary's own, at least 1
     * @param maximumLag bytes that a standby may be behind the best one before another takes its place; 0 or less: any
     * @param userStandbyNames the configured synchronous_standby_names, in force when the mode is off
     */
    public record Synchronous(Mode mode, boolean strict, int nodeCount, long maximumLag, String userStandbyNames) {
        public static final Synchronous OFF = new Synchronous(Mode.OFF, false, 1, 0, "");

        public enum Mode {
            OFF,
            /** Every commit waits for certain standbys, and only those may follow the leader. */
            ON,
            /** Every commit waits for some of the standbys, and who follows the leader needs the votes of the others. */
            QUORUM
        }

        public boolean isOff() {
            return mode == Mode.OFF;
        }
    }
}
