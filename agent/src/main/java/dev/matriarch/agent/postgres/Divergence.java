package dev.matriarch.agent.postgres;

/** Whether the local data directory holds WAL that the leader's history does not. */
public sealed interface Divergence {
    /** For the log. */
    String reason();

    /** It can follow the leader as it is. */
    record NotDiverged(String reason) implements Divergence {}

    /** It must be rewound or cloned anew before it can follow. */
    record Diverged(String reason) implements Divergence {}

    /** Cannot be told now: try again. */
    record Unknown(String reason) implements Divergence {}
}
