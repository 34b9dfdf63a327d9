package dev.matriarch.agent.callbacks;

/** What a callback is told about the server. */
public enum Role {
    PRIMARY,
    REPLICA,
    /** It leads a cluster that follows another one. */
    STANDBY_LEADER,
    /** It was the primary and is so no longer, but is not yet anything else. */
    DEMOTED;

    /** @param primaryWord {@code primary}, or {@code master} for old scripts */
    String word(String primaryWord) {
        return this == PRIMARY ? primaryWord : name().toLowerCase(java.util.Locale.ROOT);
    }
}
