package dev.matriarch.raft;

import dev.matriarch.dcs.Measure;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** How long something took: all of it in a histogram, the latest in quantiles. Any thread. */
final class Durations {
    /** Doubled from half a millisecond to a second. */
    private static final double[] SECONDS =
            IntStream.range(0, 12).mapToDouble(i -> 0.0005 * (1 << i)).toArray();

    /** Of so many of the latest the quantiles are. */
    private static final int LATEST = 512;

    private final long[] counts = new long[SECONDS.length + 1];
    private final long[] latest = new long[LATEST];
    private long all;
    private double sum;

    synchronized void add(long nanos) {
        double seconds = nanos / 1e9;
        int place = Arrays.binarySearch(SECONDS, seconds);
        counts[place >= 0 ? place : -place - 1]++;
        latest[(int) (all % LATEST)] = nanos;
        all++;
        sum += seconds;
    }

    /**
     * Of the latest 512, in nanoseconds; absent if there was none yet.
     *
     * @param quantile between 0 and 1
     */
    synchronized OptionalLong quantile(double quantile) {
        int known = (int) Math.min(all, LATEST);
        if (known == 0) {
            return OptionalLong.empty();
        }
        long[] sorted = Arrays.copyOf(latest, known);
        Arrays.sort(sorted);
        return OptionalLong.of(sorted[(int) Math.min(known - 1L, (long) (quantile * known))]);
    }

    synchronized Measure.Histogram histogram(String name, String help) {
        List<Long> copied = LongStream.of(counts).boxed().toList();
        return new Measure.Histogram(
                name, help, DoubleStream.of(SECONDS).boxed().toList(), copied, sum);
    }
}
