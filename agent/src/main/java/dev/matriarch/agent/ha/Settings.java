package dev.matriarch.agent.ha;

import java.time.Duration;

/**
 * The cluster-wide settings that decisions depend on.
 *
 * @param ttl life of the leader lease after its last renewal
 * @param loopWait longest time between two heartbeats
 * @param retryTimeout how long an unanswered store or server is borne
 * @param safetyMargin how long before the lease's end a primary must have begun to stop
 * @param maximumLagOnFailover bytes that a candidate may be behind the last published position
 * @param quorumCommit synchronous replication in quorum mode is asked for
 * @param synchronousNodeCount acknowledgements wanted besides the primary's own
 * @param userStandbyNames the configured synchronous_standby_names, in force when quorum commit is off
 * @param primaryStartTimeout how long a crashed primary may take to come back before another is sought; 0: at once
 * @param discardOnDivergence a diverged data directory that cannot be rewound may be set aside and cloned anew
 * @param discardOnRewindFailure the same after a failed rewind
 */
public record Settings(
        Duration ttl,
        Duration loopWait,
        Duration retryTimeout,
        Duration safetyMargin,
        long maximumLagOnFailover,
        boolean checkTimeline,
        boolean quorumCommit,
        int synchronousNodeCount,
        String userStandbyNames,
        boolean paused,
        Duration primaryStartTimeout,
        boolean usePgRewind,
        boolean useSlots,
        boolean discardOnDivergence,
        boolean discardOnRewindFailure,
        int maxTimelinesHistory) {}
