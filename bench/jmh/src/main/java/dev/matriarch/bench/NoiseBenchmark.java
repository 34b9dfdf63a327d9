package dev.matriarch.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.infra.Blackhole;

/** What the machine and the measurement add by themselves. */
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class NoiseBenchmark {
    private static final long TOKENS = 4_000;
    private static final String[] NAMES = names();

    private static String[] names() {
        String[] names = new String[24];
        for (int i = 0; i < names.length; i++) {
            names[i] = "member-" + i;
        }
        return names;
    }

    /** Nothing: what is left is the measurement. */
    @Benchmark
    public void empty() {}

    /** What decisions do most: compare names. Unlike arithmetic it suffers from whoever shares the core. No garbage. */
    @Benchmark
    public int comparisons() {
        int ordered = 0;
        for (String a : NAMES) {
            for (String b : NAMES) {
                ordered += a.compareTo(b) < 0 ? 1 : 0;
            }
        }
        return ordered;
    }

    /** Always the same arithmetic, about 10 µs of it, without garbage. */
    @Benchmark
    public void work() {
        Blackhole.consumeCPU(TOKENS);
    }

    /** Twice as much of the same: a long tail that the single amount does not have comes with the length of a call alone. */
    @Benchmark
    public void workTwice() {
        Blackhole.consumeCPU(2 * TOKENS);
    }

    /** The single amount, and about 4 kB of garbage as a decision leaves it: what collections and new memory add. */
    @Benchmark
    public Object workAndGarbage() {
        Blackhole.consumeCPU(TOKENS);
        Object[] last = null;
        for (int i = 0; i < 64; i++) {
            Object[] next = new Object[12];
            next[0] = last;
            last = next;
        }
        return last;
    }
}
