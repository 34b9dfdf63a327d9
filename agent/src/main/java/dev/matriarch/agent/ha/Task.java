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
        PROMOTE("promoting"),
        STOP("stopping PostgreSQL"),
        CHECK_DIVERGENCE("comparing timelines with the leader"),
        REWIND("rewinding"),
        RESTART("restarting PostgreSQL");

        private final String words;

        Kind(String words) {
            this.words = words;
        }

        public String words() {
            return words;
        }
    }
}
