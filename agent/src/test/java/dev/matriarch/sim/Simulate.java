package dev.matriarch.sim;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;

/** {@code ./simulate}: plays schedules until all are clean or one is not. */
public final class Simulate {
    private static final String USAGE = """
            usage: ./simulate [--schedules N] [--seed S] [--threads T] [--keep-going] [--trace] [--mutations [NAME]]
              --schedules N  how many schedules (default 1000, with --trace 1); seeds go up from S by one
              --seed S       the first seed (default 1)
              --threads T    schedules played at a time (default: one for each processor)
              --keep-going   stop after 20 violations, not after the first; names them all
              --trace        tell what happens; for one schedule
              --mutations    look for a schedule that notices each of the faults made on purpose, or those whose
                             name contains NAME, and print a row of the table in docs/simulation.md""";

    private Simulate() {}

    /** Sums over schedules. */
    public static final class Totals {
        final AtomicLong simulated = new AtomicLong();
        final AtomicLong commits = new AtomicLong();
        final AtomicLong promotions = new AtomicLong();
        final AtomicLong cpu = new AtomicLong();
        final AtomicLong slowest = new AtomicLong();
        final AtomicLong played = new AtomicLong();
        /** Seeds that broke a promise. */
        private final ConcurrentSkipListMap<Long, Violation> failures = new ConcurrentSkipListMap<>();

        public long played() {
            return played.get();
        }

        public Violation violation() {
            return failures.isEmpty() ? null : failures.firstEntry().getValue();
        }

        /** The lowest of them. */
        public long failedSeed() {
            return failures.firstKey();
        }

        private void failed(long seed, Violation found) {
            failures.put(seed, found);
        }
    }

    /** Plays seeds {@code first}, {@code first + 1}, … on so many threads; stops at the first violation. */
    public static Totals run(long first, long count, int threads) throws InterruptedException {
        return run(first, count, threads, 1);
    }

    private static Totals run(long first, long count, int threads, int violations) throws InterruptedException {
        Totals totals = new Totals();
        AtomicLong next = new AtomicLong(first);
        Thread[] workers = new Thread[threads];
        for (int i = 0; i < threads; i++) {
            workers[i] = new Thread(() -> {
                long begin = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
                long seed;
                while (totals.failures.size() < violations && (seed = next.getAndIncrement()) < first + count) {
                    play(seed, totals);
                }
                totals.cpu.addAndGet(ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - begin);
            });
            workers[i].start();
        }
        for (Thread worker : workers) {
            worker.join();
        }
        return totals;
    }

    private static void play(long seed, Totals totals) {
        try {
            Schedule.Result result = Schedule.play(seed, false);
            totals.simulated.addAndGet(result.simulatedNanos());
            totals.commits.addAndGet(result.commits());
            totals.promotions.addAndGet(result.promotions());
            totals.slowest.accumulateAndGet(result.recovery(), Math::max);
            totals.played.incrementAndGet();
        } catch (Violation e) {
            totals.failed(seed, e);
        } catch (RuntimeException e) {
            Violation broken = new Violation("simulator", e + " at " + Arrays.toString(e.getStackTrace()));
            totals.failed(seed, broken);
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        long schedules = -1;
        long seed = 1;
        int threads = Runtime.getRuntime().availableProcessors();
        boolean trace = false;
        int violations = 1;
        String mutations = null;
        try {
            for (int i = 0; i < arguments.length; i++) {
                switch (arguments[i]) {
                    case "--schedules" -> schedules = Long.parseLong(arguments[++i]);
                    case "--seed" -> seed = Long.parseLong(arguments[++i]);
                    case "--threads" -> threads = Integer.parseInt(arguments[++i]);
                    case "--trace" -> trace = true;
                    case "--keep-going" -> violations = 20;
                    case "--mutations" ->
                        mutations = i + 1 < arguments.length && !arguments[i + 1].startsWith("-") ? arguments[++i] : "";
                    default -> throw new IllegalArgumentException(arguments[i]);
                }
            }
            if (schedules < -1 || schedules == 0 || threads < 1) {
                throw new IllegalArgumentException("numbers must be positive");
            }
        } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
            System.err.println(USAGE);
            System.exit(2);
        }
        if (mutations != null) {
            Hunt.hunt(mutations, seed, schedules < 0 ? 1000 : schedules, threads);
            return;
        }
        long begin = System.nanoTime();
        if (trace) {
            try {
                Schedule.Result result = Schedule.play(seed, true);
                System.out.println(result);
            } catch (Violation e) {
                System.out.println("seed " + seed + ": " + e.invariant() + ": " + e.getMessage());
                System.exit(1);
            }
            return;
        }
        Totals totals = run(seed, schedules < 0 ? 1000 : schedules, threads, violations);
        double wall = (System.nanoTime() - begin) / 1e9;
        double cpu = totals.cpu.get() / 1e9;
        double hours = totals.simulated.get() / 3.6e12;
        totals.failures.forEach((failed, why) ->
                System.out.println("seed " + failed + " breaks " + why.invariant() + ": " + why.getMessage()));
        if (totals.violation() != null) {
            System.out.println("again, with all that happens: ./simulate --seed " + totals.failedSeed() + " --trace");
        }
        System.out.printf(
                Locale.ROOT,
                "%d schedules, %d violations, %.1f simulated hours, %d commits, %d promotions, slowest recovery %.1f s,"
                        + " %.1f s wall, %.1f s CPU, %.0f simulated hours per CPU-minute%n",
                totals.played.get() + totals.failures.size(),
                totals.failures.size(),
                hours,
                totals.commits.get(),
                totals.promotions.get(),
                totals.slowest.get() / 1e9,
                wall,
                cpu,
                hours / (cpu / 60));
        System.exit(totals.failures.isEmpty() ? 0 : 1);
    }
}
