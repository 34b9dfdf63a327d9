package dev.matriarch.agent.recorder;

import java.time.Instant;

/**
 * Something that happened, for people.
 *
 * @param at by this machine's wall clock
 * @param shared every member sees this for itself: in a log of all members one of them is enough
 * @param what a sentence without its full stop
 */
public record Event(Instant at, Kind kind, boolean shared, String what) {
    public enum Kind {
        /** The agent itself. */
        AGENT,
        /** Who holds the leader lock. */
        LEADER,
        /** The cluster's settings and wishes. */
        CLUSTER,
        /** Who is a member. */
        MEMBERS,
        /** The local server. */
        POSTGRES,
        /** The configuration store. */
        STORE,
        /** What watches over the agent. */
        GUARD,
        /** What a person or a program asked for, and how it ended. */
        ORDER,
        /** What the agent decided to do. */
        DECISION;

        public String word() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }
}
