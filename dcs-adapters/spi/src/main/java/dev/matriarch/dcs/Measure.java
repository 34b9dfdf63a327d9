package dev.matriarch.dcs;

import java.util.List;
import java.util.Map;

/** What a store wants to be watched by. */
public sealed interface Measure {
    /** In small letters with underscores, ending in its unit; begins with the kind of store. */
    String name();

    /** One line; the same for all of one name. */
    String help();

    /**
     * A number that goes up and down.
     *
     * @param labels tell those of one name apart
     */
    record Gauge(String name, String help, Map<String, String> labels, double value) implements Measure {
        public Gauge {
            labels = Map.copyOf(labels);
        }
    }

    /**
     * How often something was how large, since this process began.
     *
     * @param bounds upper ones, inclusive and ascending
     * @param counts of what lies between two bounds, and last of what is above all of them: one more than {@code bounds}
     * @param sum of all that was counted
     */
    record Histogram(String name, String help, List<Double> bounds, List<Long> counts, double sum) implements Measure {
        public Histogram {
            bounds = List.copyOf(bounds);
            counts = List.copyOf(counts);
            if (counts.size() != bounds.size() + 1) {
                throw new IllegalArgumentException(bounds.size() + " bounds and " + counts.size() + " counts");
            }
        }
    }

    static Measure gauge(String name, String help, double value) {
        return new Gauge(name, help, Map.of(), value);
    }
}
