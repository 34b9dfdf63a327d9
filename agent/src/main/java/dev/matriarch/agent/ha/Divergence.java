package dev.matriarch.agent.ha;

import java.util.Optional;

/** What a comparison of the local WAL with a leader's history found. */
public sealed interface Divergence {
    /** Not compared with this leader yet. */
    record Unchecked() implements Divergence {}

    /**
     * The local WAL is a prefix of the leader's.
     *
     * @param gap empty: none was found, or looked for
     */
    record None(Optional<WalGap> gap) implements Divergence {
        public None() {
            this(Optional.empty());
        }
    }

    /**
     * The local WAL goes where the leader's history does not.
     *
     * @param rewindable false if pg_rewind cannot help: only a new clone can
     */
    record Found(String reason, boolean rewindable) implements Divergence {
        public Found(String reason) {
            this(reason, true);
        }
    }
}
