package dev.matriarch.dcs;

/** What became of a conditioned write. An unknown outcome is a {@link DcsException}, never one of these. */
public sealed interface WriteResult {
    /** @param revision the key's new revision */
    record Written(long revision) implements WriteResult {}

    /** Somebody else changed the key first; nothing was written. */
    record Conflict() implements WriteResult {}
}
