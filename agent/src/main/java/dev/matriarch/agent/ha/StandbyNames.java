package dev.matriarch.agent.ha;

import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A value of PostgreSQL's {@code synchronous_standby_names} in the form the agent writes: {@code ANY n (a, b)}.
 *
 * @param count acknowledgements that a commit waits for; 0 together with no names: commits wait for nobody
 * @param names application names, compared without case as PostgreSQL does
 */
public record StandbyNames(int count, SortedSet<String> names) {
    public static final StandbyNames NONE = new StandbyNames(0, new TreeSet<>());

    private static final Pattern OURS =
            Pattern.compile("\\s*ANY\\s+(\\d+)\\s*\\((.*)\\)\\s*", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
    private static final Pattern NAME =
            Pattern.compile("\\s*(?:\"((?:[^\"]|\"\")+)\"|([A-Za-z_][A-Za-z_0-9$]*))\\s*(,|$)");
    private static final Pattern BARE = Pattern.compile("[a-z_][a-z_0-9$]*");
    private static final Set<String> RESERVED = Set.of("first", "any");

    public StandbyNames {
        TreeSet<String> lower = new TreeSet<>();
        names.forEach(n -> lower.add(n.toLowerCase(java.util.Locale.ROOT)));
        names = java.util.Collections.unmodifiableSortedSet(lower);
        if (count < 0 || count > names.size()) {
            throw new IllegalArgumentException(count + " acknowledgements from " + names.size() + " standbys");
        }
    }

    public static StandbyNames of(int count, Set<String> names) {
        return new StandbyNames(count, new TreeSet<>(names));
    }

    /** @return empty if the text is not of the agent's own form, for example a user's priority list */
    public static Optional<StandbyNames> parse(String text) {
        if (text.isBlank()) {
            return Optional.of(NONE);
        }
        Matcher form = OURS.matcher(text);
        if (!form.matches()) {
            return Optional.empty();
        }
        TreeSet<String> names = new TreeSet<>();
        Matcher name = NAME.matcher(form.group(2));
        int end = 0;
        while (end < form.group(2).length()) {
            if (!name.find(end) || name.start() != end) {
                return Optional.empty();
            }
            names.add(name.group(1) != null ? name.group(1).replace("\"\"", "\"") : name.group(2));
            end = name.end();
        }
        int count = Integer.parseInt(form.group(1));
        return count <= names.size() && !names.isEmpty() ? Optional.of(of(count, names)) : Optional.empty();
    }

    /** The setting's text; empty for {@link #NONE}. */
    public String setting() {
        return names.isEmpty()
                ? ""
                : "ANY " + count + " ("
                        + names.stream().map(StandbyNames::quote).collect(Collectors.joining(",")) + ")";
    }

    private static String quote(String name) {
        return BARE.matcher(name).matches() && !RESERVED.contains(name) ? name : '"' + name.replace("\"", "\"\"") + '"';
    }
}
