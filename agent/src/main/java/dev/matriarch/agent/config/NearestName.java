package dev.matriarch.agent.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** Guesses which name a misspelt one was meant to be. */
final class NearestName {
    private NearestName() {}

    static Optional<String> of(String wrong, Collection<String> names) {
        String w = wrong.toLowerCase(Locale.ROOT).replace('-', '_');
        int tolerance = Math.max(1, Math.min(4, w.length() / 3));
        return names.stream()
                .filter(name -> distance(w, name) <= tolerance)
                .min(Comparator.<String>comparingInt(name -> distance(w, name))
                        .thenComparing(Comparator.naturalOrder()));
    }

    /** Insertions, deletions, changes and swaps of neighbours that lead from one word to the other. */
    static int distance(String a, String b) {
        int[][] d = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    d[i][j] = i + j;
                    continue;
                }
                int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                d[i][j] = Math.min(d[i - 1][j - 1] + change, Math.min(d[i - 1][j], d[i][j - 1]) + 1);
                boolean swapped =
                        i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1);
                if (swapped) {
                    d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
                }
            }
        }
        return d[a.length()][b.length()];
    }
}
