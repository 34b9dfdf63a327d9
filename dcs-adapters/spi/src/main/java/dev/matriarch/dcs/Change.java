package dev.matriarch.dcs;

/** Which part of a cluster's view changed. */
public enum Change {
    LEADER,
    MEMBERS,
    CONFIG,
    INITIALIZE,
    FAILOVER,
    SYNC,
    STATUS,
    HISTORY,
    FAILSAFE,
    /** The view jumped (an installed snapshot, a reconnected watch): read everything again. */
    RESYNC
}
