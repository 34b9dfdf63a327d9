package dev.matriarch.agent.postgres;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Runs what reads or writes the data directory on a thread of its own, so that a disk that does not answer holds up
 * nobody for longer than asked. While one call hangs, further ones are refused at once. Any thread.
 */
final class DiskCalls implements AutoCloseable {
    /** The disk has not answered in time. What was begun may still happen when it answers. */
    static final class Hanging extends Exception {
        private static final long serialVersionUID = 1;

        Hanging(String what, long nanos) {
            super(what + " has not answered for " + Math.max(1, nanos / 1_000_000_000L) + " s");
        }
    }

    private record Running(FutureTask<?> task, long since, long deadline) {}

    private final String what;
    private final Set<Running> running = ConcurrentHashMap.newKeySet();
    private final ExecutorService threads = Executors.newCachedThreadPool(
            Thread.ofPlatform().daemon().name("disk-", 0).factory());

    /** @param what the subject of the sentence of a time-out */
    DiskCalls(String what) {
        this.what = what;
    }

    <T> T call(Callable<T> work, Duration timeout) throws Hanging, PostgresException {
        long now = System.nanoTime();
        running.removeIf(r -> r.task.isDone());
        for (Running earlier : running) {
            if (earlier.deadline - now < 0) {
                throw new Hanging(what, now - earlier.since);
            }
        }
        FutureTask<T> task = new FutureTask<>(work);
        Running mine = new Running(task, now, now + timeout.toNanos());
        running.add(mine);
        threads.execute(task);
        try {
            T result = task.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
            running.remove(mine);
            return result;
        } catch (TimeoutException e) {
            throw new Hanging(what, timeout.toNanos());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new PostgresException("The operation was cancelled.", e);
        } catch (ExecutionException e) {
            running.remove(mine);
            switch (e.getCause()) {
                case PostgresException known -> throw known;
                case RuntimeException unexpected -> throw unexpected;
                case Error error -> throw error;
                default -> throw new PostgresException(e.getCause().toString(), e.getCause());
            }
        }
    }

    @Override
    public void close() {
        threads.shutdown();
    }
}
