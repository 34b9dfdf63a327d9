package dev.matriarch.agent.postgres;

import java.time.Duration;

/** A moment on the monotonic clock by which a call must return. */
record Deadline(long nanoTime) {
    static Deadline in(Duration duration) {
        return new Deadline(System.nanoTime() + duration.toNanos());
    }

    Duration left() {
        return Duration.ofNanos(Math.max(0, nanoTime - System.nanoTime()));
    }

    boolean passed() {
        return nanoTime - System.nanoTime() <= 0;
    }

    /** For clients that read 0 as "forever". */
    int leftMillis() {
        return Math.clamp(left().toMillis(), 1, Integer.MAX_VALUE);
    }

    /** Sleeps, but not past the deadline. */
    void pause(long millis) throws PostgresException {
        try {
            Thread.sleep(Math.min(millis, left().toMillis()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new PostgresException("The operation was cancelled.", e);
        }
    }
}
