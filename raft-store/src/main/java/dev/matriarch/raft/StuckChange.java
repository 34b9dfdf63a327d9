package dev.matriarch.raft;

import java.time.Duration;

/**
 * Notices a change of membership that does not end. Ratis keeps what it knows of a change with the Raft leader's office, so
 * a leader that steps down frees the way. A slow copy is not a stuck one: the patience doubles each time.
 *
 * <p>Not thread-safe. Times are monotonic nanoseconds.
 */
final class StuckChange {
    private static final Duration FIRST_PATIENCE = Duration.ofSeconds(20);
    private static final Duration LONGEST_PATIENCE = Duration.ofMinutes(10);

    /** Whoever asks does so every second; a pause this long is the end of that story. */
    private static final Duration FORGOTTEN = Duration.ofSeconds(30);

    private Duration patience = FIRST_PATIENCE;
    private boolean waiting;
    private long since;
    private long last;

    /**
     * The change that was asked for at {@code asked} did not end.
     *
     * @return true if the Raft leader should step down
     */
    boolean failed(long asked, long now) {
        if (!waiting || asked - last > FORGOTTEN.toNanos()) {
            waiting = true;
            since = asked;
        }
        last = now;
        if (now - since < patience.toNanos()) {
            return false;
        }
        waiting = false;
        patience =
                patience.multipliedBy(2).compareTo(LONGEST_PATIENCE) < 0 ? patience.multipliedBy(2) : LONGEST_PATIENCE;
        return true;
    }

    void succeeded() {
        waiting = false;
        patience = FIRST_PATIENCE;
    }
}
