package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.postgres.PostgresException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs at most one long action beside the heartbeat. */
final class TaskRunner {
    private static final Logger LOG = LoggerFactory.getLogger(TaskRunner.class);

    /** What a long action does. Interrupted when something more urgent comes. */
    interface Work {
        void run() throws PostgresException, InterruptedException;
    }

    private record Running(Task task, Thread thread, CompletableFuture<Boolean> done) {}

    private final Clock clock;
    private final Runnable wake;
    private final BiConsumer<Task.Kind, Boolean> ended;
    private volatile Running running;

    /** @param ended told how each action ended that was not cancelled, on its thread */
    TaskRunner(Clock clock, Runnable wake, BiConsumer<Task.Kind, Boolean> ended) {
        this.clock = clock;
        this.wake = wake;
        this.ended = ended;
    }

    Optional<Task> current() {
        Running now = running;
        return now == null || now.done().isDone() ? Optional.empty() : Optional.of(now.task());
    }

    /**
     * Starts the action, after the one that may be running has been interrupted and has ended.
     *
     * @param patience how long the old action may take to end; the new one starts in any case
     * @param failed told about a failure, on the action's thread, before the heartbeat is woken
     * @return completes with true if the action succeeded
     */
    CompletableFuture<Boolean> start(Task.Kind kind, Duration patience, Work work, Runnable failed) {
        cancel(patience);
        CompletableFuture<Boolean> done = new CompletableFuture<>();
        Thread thread = Thread.ofPlatform()
                .daemon()
                .name("task-" + kind.name().toLowerCase(java.util.Locale.ROOT))
                .unstarted(() -> {
                    boolean success = false;
                    try {
                        work.run();
                        success = true;
                        ended.accept(kind, true);
                    } catch (InterruptedException e) {
                        LOG.info("{}: cancelled", kind.words());
                    } catch (PostgresException e) {
                        if (Thread.currentThread().isInterrupted()) {
                            // No failure of the server: nothing may be concluded from it.
                            LOG.info("{}: cancelled: {}", kind.words(), e.getMessage());
                            return;
                        }
                        LOG.error("{}: failed: {}", kind.words(), e.getMessage());
                        ended.accept(kind, false);
                        failed.run();
                    } catch (RuntimeException e) {
                        LOG.error("{}: failed", kind.words(), e);
                        ended.accept(kind, false);
                        failed.run();
                    } finally {
                        done.complete(success);
                        wake.run();
                    }
                });
        running = new Running(new Task(kind, clock.nanos()), thread, done);
        thread.start();
        return done;
    }

    /** Interrupts the running action and waits for its end, for as long as the patience lasts. */
    void cancel(Duration patience) {
        Running now = running;
        if (now == null || now.done().isDone()) {
            return;
        }
        LOG.info("Cancelling: {}", now.task().kind().words());
        now.thread().interrupt();
        try {
            now.done().get(patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            LOG.warn("{} does not end when cancelled", now.task().kind().words());
        }
    }
}
