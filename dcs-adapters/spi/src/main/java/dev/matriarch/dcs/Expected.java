package dev.matriarch.dcs;

/** The condition of a write. */
public sealed interface Expected {
    /** Write whatever is there. */
    record Anything() implements Expected {}

    /** Write only if the key does not exist. */
    record Absent() implements Expected {}

    /** Write only if the key still has this revision. */
    record Revision(long revision) implements Expected {}

    static Expected anything() {
        return new Anything();
    }

    static Expected absent() {
        return new Absent();
    }

    static Expected revision(long revision) {
        return new Revision(revision);
    }
}
