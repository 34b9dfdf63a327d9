package dev.matriarch.chaos;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** Measured values of one kind, and the row of a table that sums them up. */
final class Series {
    private final String name;
    private final String unit;
    private final List<Double> values = new ArrayList<>();

    Series(String name, String unit) {
        this.name = name;
        this.unit = unit;
    }

    void add(double value) {
        values.add(value);
    }

    double median() {
        List<Double> sorted = new ArrayList<>(values);
        Collections.sort(sorted);
        int n = sorted.size();
        return n % 2 == 1 ? sorted.get(n / 2) : (sorted.get(n / 2 - 1) + sorted.get(n / 2)) / 2;
    }

    static String header() {
        return "| measured | runs | min | median | max | unit |\n|---|---|---|---|---|---|";
    }

    String row() {
        if (values.isEmpty()) {
            return "| " + name + " | 0 | | | | " + unit + " |";
        }
        return String.format(
                Locale.ROOT,
                "| %s | %d | %.0f | %.0f | %.0f | %s |",
                name,
                values.size(),
                Collections.min(values),
                median(),
                Collections.max(values),
                unit);
    }
}
