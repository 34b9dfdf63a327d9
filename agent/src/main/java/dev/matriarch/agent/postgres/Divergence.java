package dev.matriarch.agent.postgres;

/** Whether the local data directory holds WAL that the leader's history does not. */
public sealed interface Divergence {
    /** For the log. */
    String reason();

    /** It can follow the leader as it is. */
    record NotDiverged(String reason) implements Divergence {}

    /**
     * It must be rewound or cloned anew before it can follow.
     *
     * @param rewindable false where pg_rewind would see nothing to do: it compares timelines by their number
     */
    record Diverged(String reason, boolean rewindable) implements Divergence {
        public Diverged(String reason) {
            this(reason, true);
        }
    }

    /** Cannot be told now: try again. */
    record Unknown(String reason) implements Divergence {}
}
