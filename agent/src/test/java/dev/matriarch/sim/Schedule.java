package dev.matriarch.sim;

import java.util.Optional;

/** One seed, played from the creation of a cluster through its faults to the calm after them. */
public final class Schedule {
    private static final long SECOND = 1_000_000_000L;

    /**
     * @param simulatedNanos of the cluster
     * @param recovery nanoseconds from the end of the faults until everything was well
     */
    public record Result(long simulatedNanos, long recovery, long events, long commits, long promotions) {}

    private final World world;
    private final Rng rng;
    private long recovery;

    private Schedule(long seed, boolean trace) {
        world = new World(Plan.of(seed), trace);
        rng = new Rng(seed ^ 0x2545F4914F6CDD1DL);
    }

    /** @throws Violation if a promise was broken */
    public static Result play(long seed, boolean trace) {
        Schedule schedule = new Schedule(seed, trace);
        schedule.play();
        return schedule.result();
    }

    private Result result() {
        return new Result(
                world.events().now(),
                recovery,
                world.events().executed(),
                world.judge().commitsAcknowledged,
                world.judge().promotions);
    }

    private void play() {
        Plan plan = world.plan();
        world.traceIf(() -> plan.toString());
        for (SimHost host : world.hosts()) {
            world.events().after(rng.millis(0, 1500), host::startAgent);
        }
        Chaos chaos = new Chaos(world, rng.split());
        write();
        if (!plan.troubledBirth()) {
            calm(plan.bound(), "the creation of the cluster");
        }
        chaos.begin();
        until(world.events().now() + plan.faultTime());
        chaos.end();
        world.judge().forgetProgress();
        long calmed = world.events().now();
        calm(plan.bound(), "the end of the faults");
        recovery = world.events().now() - calmed;
        world.judge().atTheEnd();
    }

    private void until(long time) {
        while (world.events().step(time)) {
            // Everything happens in the events.
        }
    }

    private void calm(long bound, String since) {
        long deadline = world.events().now() + bound;
        Optional<String> unfinished = world.judge().unfinished();
        while (unfinished.isPresent() || !world.judge().acknowledgedSince()) {
            if (world.events().now() >= deadline) {
                world.traceIf(() -> "VIOLATION liveness");
                throw new Violation(
                        "liveness",
                        bound / SECOND + " s after " + since + ": "
                                + unfinished.orElse("no commit has been acknowledged since"));
            }
            until(Math.min(deadline, world.events().now() + SECOND / 2));
            unfinished = world.judge().unfinished();
        }
    }

    /** Clients: they find whoever accepts writes. */
    private void write() {
        long pause = world.plan().loopWait();
        world.events().after(rng.between(pause / 10, pause), () -> {
            for (SimHost host : world.hosts()) {
                if (host.postgres().writable()) {
                    host.postgres().commit((int) rng.between(60, 4000));
                }
            }
            write();
        });
    }
}
