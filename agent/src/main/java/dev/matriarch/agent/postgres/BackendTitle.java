package dev.matriarch.agent.postgres;

import java.util.regex.Pattern;

/** Reads what a process of PostgreSQL calls itself: {@code postgres: CLUSTER: checkpointer}. */
final class BackendTitle {
    /** The whole title after the cluster's name, so that no session of a user with such a name passes for one. */
    private static final Pattern OWN = Pattern.compile("postgres: (?:.*: )?(?:"
            + "checkpointer|background writer|writer|walwriter|wal writer|walsummarizer|stats collector|logger"
            + "|autovacuum launcher|autovacuum worker(?: .*)?|logical replication launcher|io worker(?: \\d+)?"
            + "|startup(?: (?:recovering|waiting for) [0-9A-F.a-z]+)?"
            + "|archiver(?: (?:archiving|last was|failed on) [0-9A-F.a-z]+)?"
            + "|wal ?receiver(?: (?:process|streaming .*))?"
            + "|wal ?sender .*)");

    private BackendTitle() {}

    /** In doubt, true. A process that has ended or not yet named itself counts as a user's only if it has a title. */
    static boolean mayBeAUsers(String title) {
        String stripped = title.strip();
        return !stripped.isEmpty() && !OWN.matcher(stripped).matches();
    }
}
