package dev.matriarch.agent.ha;

/** What a comparison of the local WAL with a leader's history found. */
public sealed interface Divergence {
    /** Not compared with this leader yet. */
    record Unchecked() implements Divergence {}

    /** The local WAL is a prefix of the leader's. */
    record None() implements Divergence {}

    /** The local WAL goes where the leader's history does not. */
    record Found(String reason) implements Divergence {}
}
