package dev.matriarch.bench;

import dev.matriarch.agent.ha.Decider;
import java.util.Collection;
import java.util.Locale;
import java.util.regex.Pattern;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import org.openjdk.jmh.util.Statistics;

/**
 * {@code bench/run decide}: runs every {@link Scene} in a JVM of its own and prints a Markdown table in microseconds, with
 * {@link NoiseBenchmark} for comparison. Exit code 1 if a p99 of a scene is above the limit, 3 if something could not be
 * measured.
 */
public final class DecideTable {
    private static final double LIMIT_MICROSECONDS = 20;

    private DecideTable() {}

    /** Takes no arguments. */
    public static void main(String[] arguments) {
        System.out.println("| what the member sees | p50 | p90 | p99 | p99.9 | samples |");
        System.out.println("|---|---|---|---|---|---|");
        boolean slow = false;
        for (Scene scene : Scene.values()) {
            slow |= p99(scene.words(), "DecideBenchmark.decide", scene) > LIMIT_MICROSECONDS;
        }
        p99("for comparison: fixed arithmetic", "NoiseBenchmark.work");
        p99("for comparison: twice the arithmetic", "NoiseBenchmark.workTwice");
        p99("for comparison: the arithmetic and 4 kB of garbage", "NoiseBenchmark.workAndGarbage");
        p99("for comparison: fixed comparisons of names", "NoiseBenchmark.comparisons");
        p99("for comparison: an empty method", "NoiseBenchmark.empty");
        if (slow) {
            System.err.println(String.format(
                    Locale.ROOT, "A p99 is above the limit of %.0f µs. Was the machine quiet?", LIMIT_MICROSECONDS));
        }
        System.exit(slow ? 1 : 0);
    }

    /** Measures, prints a row, and ends the JVM if it cannot. */
    private static double p99(String words, String benchmark, Scene... scene) {
        Statistics times;
        try {
            times = measure(benchmark, scene);
        } catch (RunnerException | RuntimeException e) {
            System.err.println("\"" + words + "\" could not be measured: " + e.getMessage());
            e.printStackTrace();
            System.exit(3);
            throw new AssertionError(e);
        }
        System.out.println(String.format(
                Locale.ROOT,
                "| %s | %.1f µs | %.1f µs | %.1f µs | %.1f µs | %d |",
                words,
                times.getPercentile(50),
                times.getPercentile(90),
                times.getPercentile(99),
                times.getPercentile(99.9),
                times.getN()));
        return times.getPercentile(99);
    }

    private static Statistics measure(String benchmark, Scene... scenes) throws RunnerException {
        ChainedOptionsBuilder builder = new OptionsBuilder().include("\\b" + Pattern.quote(benchmark) + "$");
        for (Scene scene : scenes) {
            // Seen here first, a wrong scene is told in one sentence.
            scene.check(Decider.decide(scene.observation()));
            builder.param("scene", scene.name());
        }
        Options options = builder.forks(1)
                .warmupIterations(3)
                .warmupTime(TimeValue.seconds(1))
                .measurementIterations(5)
                .measurementTime(TimeValue.seconds(1))
                // As packaging/src/main/dist/bin/matriarch runs an agent: its compiler, collector and heap.
                .jvmArgs(
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseCompactObjectHeaders",
                        "-Xms16m",
                        "-Xmx64m",
                        "-XX:MinHeapFreeRatio=10",
                        "-XX:MaxHeapFreeRatio=30",
                        "--sun-misc-unsafe-memory-access=allow")
                .jvmArgsAppend(ownOptions())
                .shouldFailOnError(true)
                .verbosity(VerboseMode.SILENT)
                .build();
        Collection<RunResult> results = new Runner(options).run();
        return results.iterator().next().getPrimaryResult().getStatistics();
    }

    /** {@code MATRIARCH_JAVA_OPTS}, which counts for an agent too. */
    private static String[] ownOptions() {
        String options = System.getenv().getOrDefault("MATRIARCH_JAVA_OPTS", "").strip();
        return options.isEmpty() ? new String[0] : options.split("\\s+");
    }
}
