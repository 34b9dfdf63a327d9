package dev.matriarch.agent.ha;

import java.util.Collections;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * A value of PostgreSQL's {@code synchronous_standby_names}. Whatever its form, an acknowledged commit is on at least
 * {@code count} of the named standbys.
 *
 * @param kind how PostgreSQL chooses among them
 * @param count acknowledgements that a commit waits for; 0 together with no names: commits wait for nobody
 * @param names application names, compared without case as PostgreSQL does
 */
public record StandbyNames(Kind kind, int count, SortedSet<String> names) {
    public enum Kind {
        /** {@code ANY n (a, b)}: whoever answers first; PostgreSQL 10 and later. */
        ANY,
        /** {@code n (a, b)}: the first of the list that are connected. */
        FIRST
    }

    /** A name that no member may have: waiting for it is waiting for ever. */
    public static final String PLACEHOLDER = "__patroni_strict_sync_replica_placeholder__";

    public static final StandbyNames NONE = new StandbyNames(Kind.ANY, 0, new TreeSet<>());
    /** No commit is acknowledged at all. */
    public static final StandbyNames BLOCKING = new StandbyNames(Kind.FIRST, 1, new TreeSet<>(Set.of(PLACEHOLDER)));

    public StandbyNames {
        names = Collections.unmodifiableSortedSet(new TreeSet<>(SyncRules.lower(names)));
        if (count < 0 || count > names.size()) {
            throw new IllegalArgumentException(count + " acknowledgements from " + names.size() + " standbys");
        }
        kind = names.isEmpty() ? Kind.ANY : kind;
    }

    /** In the quorum form. */
    public static StandbyNames of(int count, Set<String> names) {
        return of(Kind.ANY, count, names);
    }

    public static StandbyNames of(Kind kind, int count, Set<String> names) {
        return new StandbyNames(kind, count, names instanceof SortedSet<String> sorted ? sorted : new TreeSet<>(names));
    }

    /**
     * Reads a live setting: {@code a, b}, {@code n (a, b)}, {@code FIRST n (a, b)} or {@code ANY n (a, b)}, in any case.
     *
     * @return empty if it cannot be said who is waited for: {@code *}, or something that PostgreSQL would not take
     */
    public static Optional<StandbyNames> parse(String text) {
        if (text.isBlank()) {
            return Optional.of(NONE);
        }
        StandbyNamesText form = StandbyNamesText.read(text);
        boolean meant = form.isWellFormed()
                && !form.namesReservedWord()
                && !form.names().contains("*");
        return meant && form.count() > 0 && form.count() <= form.names().size()
                ? Optional.of(new StandbyNames(form.kind(), form.count(), form.names()))
                : Optional.empty();
    }

    /** True if PostgreSQL would take the text, be it one that {@link #parse} cannot make sense of. */
    public static boolean isWellFormed(String text) {
        return text.isBlank() || StandbyNamesText.read(text.replace('*', 'x')).isWellFormed();
    }

    /** Waits for a standby that does not exist. */
    public boolean isBlocking() {
        return equals(BLOCKING);
    }

    /** The setting's text; empty for {@link #NONE}. */
    public String setting() {
        if (names.isEmpty()) {
            return "";
        }
        if (kind == Kind.FIRST && names.size() == 1) {
            return quote(names.first());
        }
        StringBuilder text = new StringBuilder(kind == Kind.ANY ? "ANY " : "").append(count);
        String separator = " (";
        for (String name : names) {
            text.append(separator).append(quote(name));
            separator = ",";
        }
        return text.append(')').toString();
    }

    private static String quote(String name) {
        return StandbyNamesText.needsNoQuotes(name) ? name : '"' + name.replace("\"", "\"\"") + '"';
    }
}
