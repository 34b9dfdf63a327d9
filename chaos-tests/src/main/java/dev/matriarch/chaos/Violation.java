package dev.matriarch.chaos;

import java.util.Set;
import java.util.TreeSet;

/**
 * What may never happen was seen to happen: an acknowledged row is gone, or two servers took writes. The check lets other tests
 * try a second time; after one of these it fails, whatever the second time says, and knows them by the name of this class.
 */
public final class Violation extends AssertionError {
    private static final long serialVersionUID = 1L;
    private static final int SHOWN = 20;

    public Violation(String what) {
        super(what);
    }

    /** @param missing numbers of acknowledged rows that are not there */
    public static void ifMissing(Set<Long> missing) {
        ifMissing(missing, "");
    }

    /** @param when a word to add; empty: none */
    public static void ifMissing(Set<Long> missing, String when) {
        if (!missing.isEmpty()) {
            throw new Violation(missing.size() + " acknowledged rows are lost"
                    + (when.isEmpty() ? "" : " (" + when + ")") + ": "
                    + new TreeSet<>(missing).stream().limit(SHOWN).toList());
        }
    }
}
