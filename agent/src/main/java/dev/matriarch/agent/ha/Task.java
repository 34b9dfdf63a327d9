package dev.matriarch.agent.ha;

/**
 * A long action that runs beside the heartbeat.
 *
 * @param since monotonic nanoseconds
 */
public record Task(Kind kind, long since) {
    public enum Kind {
        BOOTSTRAP("bootstrap in progress"),
        CLONE("creating replica"),
        START_REPLICA("starting as a replica"),
        START_PRIMARY("starting as the primary"),
        /** The operator's script that may forbid the promotion. */
        PRE_PROMOTE("running the pre-promote script"),
        PROMOTE("promoting"),
        /** In good order: it may still write for a while. */
        STOP("stopping PostgreSQL"),
        STOP_NOW("stopping PostgreSQL immediately"),
        CRASH_RECOVERY("doing crash recovery in a single user mode"),
        CHECK_DIVERGENCE("comparing timelines with the leader"),
        REWIND("rewinding"),
        COPY_SLOTS("copying logical slots"),
        RESTART("restarting PostgreSQL");

        private final String words;

        Kind(String words) {
            this.words = words;
        }

        public String words() {
            return words;
        }
    }

    public boolean stops() {
        return kind == Kind.STOP || kind == Kind.STOP_NOW;
    }
}
