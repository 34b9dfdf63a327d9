package dev.matriarch.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.infra.Blackhole;

/** What the machine adds by itself: always the same work, about 10 µs of it, without garbage. */
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class NoiseBenchmark {
    private static final long TOKENS = 4_000;

    /** What JMH samples. */
    @Benchmark
    public void work() {
        Blackhole.consumeCPU(TOKENS);
    }
}
