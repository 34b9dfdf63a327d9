package dev.matriarch.agent.fencing;

import java.time.Duration;
import java.util.List;

/** For the end of a test: guards that write into a directory while it is removed keep it from being removed. */
public final class EndedGuards {
    private static final long PATIENCE = Duration.ofSeconds(5).toNanos();

    private EndedGuards() {}

    /** Ends the pair's guards and waits until they are gone. */
    public static void of(GuardPair pair) throws InterruptedException {
        List<Long> pids = pair.pids();
        pair.close(true);
        long deadline = System.nanoTime() + PATIENCE;
        while (System.nanoTime() - deadline < 0
                && pids.stream()
                        .anyMatch(pid -> ProcessHandle.of(pid)
                                .filter(ProcessHandle::isAlive)
                                .isPresent())) {
            Thread.sleep(5);
        }
    }
}
