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
}
