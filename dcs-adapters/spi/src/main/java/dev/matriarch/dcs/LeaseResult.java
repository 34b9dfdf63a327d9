package dev.matriarch.dcs;

/** What became of an attempt to take or renew the leader lock. Unknown outcomes are a {@link DcsException}. */
public sealed interface LeaseResult {
    /** The lock is mine. Its life counts from before the call was sent. */
    record Held(long epoch) implements LeaseResult {}

    /**
     * The lock is certainly not mine.
     *
     * @param holder who has it; empty if nobody
     */
    record Lost(String holder) implements LeaseResult {}
}
