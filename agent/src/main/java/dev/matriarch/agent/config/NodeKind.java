package dev.matriarch.agent.config;

/** What a node of a cluster is there for. */
public enum NodeKind {
    /** Looks after a PostgreSQL server. */
    MEMBER,
    /** A vote in the built-in store, without PostgreSQL. */
    WITNESS,
    /** A copy of the built-in store without a vote and without PostgreSQL, which answers HTTP. */
    LISTENER;

    /** As its command calls it. */
    public String word() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
