package dev.matriarch.agent.ha;

import java.util.Collections;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

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

    private static final String NAME = "(?:\"(?:[^\"]|\"\")+\"|[A-Za-z0-9_\\x80-\\uFFFF][A-Za-z0-9_$\\x80-\\uFFFF]*)";
    private static final String LIST = NAME + "(?:\\s*,\\s*" + NAME + ")*";
    private static final Pattern FORM = Pattern.compile(
            "\\s*(?:(?:(FIRST|ANY)\\s+)?(\\d+)\\s*\\(\\s*(" + LIST + ")\\s*\\)|(" + LIST + "))\\s*",
            Pattern.CASE_INSENSITIVE);
    private static final Pattern EACH = Pattern.compile(NAME);
    private static final Pattern BARE = Pattern.compile("[a-z_][a-z_0-9$]*");
    private static final Set<String> RESERVED = Set.of("first", "any");

    public StandbyNames {
        TreeSet<String> lower = new TreeSet<>();
        names.forEach(n -> lower.add(n.toLowerCase(Locale.ROOT)));
        names = Collections.unmodifiableSortedSet(lower);
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
        return new StandbyNames(kind, count, new TreeSet<>(names));
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
        Matcher form = FORM.matcher(text);
        if (!form.matches()) {
            return Optional.empty();
        }
        boolean simple = form.group(4) != null;
        TreeSet<String> names = new TreeSet<>();
        Matcher name = EACH.matcher(simple ? form.group(4) : form.group(3));
        while (name.find()) {
            String word = name.group();
            boolean quoted = word.startsWith("\"");
            if (!quoted && RESERVED.contains(word.toLowerCase(Locale.ROOT))) {
                return Optional.empty();
            }
            names.add((quoted ? word.substring(1, word.length() - 1).replace("\"\"", "\"") : word)
                    .toLowerCase(Locale.ROOT));
        }
        Kind kind = "ANY".equalsIgnoreCase(form.group(1)) ? Kind.ANY : Kind.FIRST;
        int count = simple ? 1 : form.group(2).length() > 6 ? Integer.MAX_VALUE : Integer.parseInt(form.group(2));
        return count > 0 && count <= names.size() && !names.contains("*")
                ? Optional.of(of(kind, count, names))
                : Optional.empty();
    }

    /** True if PostgreSQL would take the text, be it one that {@link #parse} cannot make sense of. */
    public static boolean isWellFormed(String text) {
        return text.isBlank() || FORM.matcher(text.replace('*', 'x')).matches();
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
        return (kind == Kind.ANY ? "ANY " : "") + count + " ("
                + names.stream().map(StandbyNames::quote).collect(Collectors.joining(",")) + ")";
    }

    private static String quote(String name) {
        return BARE.matcher(name).matches() && !RESERVED.contains(name) ? name : '"' + name.replace("\"", "\"\"") + '"';
    }
}
