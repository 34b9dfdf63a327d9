package dev.matriarch.agent.postgres;

import java.util.regex.Pattern;

/** Reads what a process of PostgreSQL calls itself: {@code postgres: CLUSTER: checkpointer}. */
final class BackendTitle {
    /** The whole title after the cluster's name, so that no session of a user with such a name passes for one. */
    private static final Pattern OWN = Pattern.compile("postgres: (?:.*: )?(?:"
            + "(?:checkpointer|background writer|writer|walwriter|wal writer|stats collector|logger|autovacuum launcher)(?: process)?"
            + "|walsummarizer|autovacuum worker(?: .*)?|(?:bgworker: )?logical replication launcher|io worker(?: \\d+)?"
            + "|startup(?: process)?(?: (?:recovering|waiting for) [0-9A-F.a-z]+)?"
            + "|archiver(?: process)?(?: (?:archiving|last was|failed on) [0-9A-F.a-z]+)?"
            + "|wal ?receiver(?: process)?(?: streaming .*)?"
            + "|wal ?sender .*)");

    private static final Pattern SPACES = Pattern.compile(" +");

    private BackendTitle() {}

    /** In doubt, true. A process that has ended or not yet named itself counts as a user's only if it has a title. */
    static boolean mayBeAUsers(String title) {
        // Before PostgreSQL 13 what a process is and what it does stand apart; before 11 each says that it is a
        // process.
        String stripped = SPACES.matcher(title.strip()).replaceAll(" ");
        return !stripped.isEmpty() && !OWN.matcher(stripped).matches();
    }
}
