package dev.matriarch.bench;

import dev.matriarch.agent.ha.Decider;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** One call of {@link Decider#decide}, sampled. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class DecideBenchmark {
    /** JMH tries each value if it is not told one. */
    @Param
    Scene scene;

    private Observation seen;

    /** Throws {@link IllegalStateException} if the decision is not the one that the scene is about. */
    @Setup
    public void look() {
        seen = scene.observation();
        scene.check(Decider.decide(seen));
    }

    /** What JMH samples. */
    @Benchmark
    public Decision decide() {
        return Decider.decide(seen);
    }
}
