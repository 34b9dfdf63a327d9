package dev.matriarch.agent.postgres;

import dev.matriarch.agent.ha.WalGap;
import java.util.Optional;

/** Whether the local data directory holds WAL that the leader's history does not. */
public sealed interface Divergence {
    /** For the log. */
    String reason();

    /**
     * It can follow the leader as it is.
     *
     * @param gap it could, if it had WAL that the leader no longer has
     */
    record NotDiverged(String reason, Optional<WalGap> gap) implements Divergence {
        public NotDiverged(String reason) {
            this(reason, Optional.empty());
        }
    }

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
