package dev.matriarch.chaos;

import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Waiting for a condition, always with a deadline. */
public final class Await {
    private static final long PAUSE_MILLIS = 20;

    private Await() {}

    /** @throws AssertionError that names what was waited for */
    public static void until(String what, Duration deadline, BooleanSupplier condition) {
        value(what, deadline, () -> condition.getAsBoolean() ? Optional.of(true) : Optional.empty());
    }

    /** The condition holds all the time. @throws AssertionError at the first moment at which it does not */
    public static void during(String what, Duration time, BooleanSupplier condition) {
        long end = System.nanoTime() + time.toNanos();
        while (System.nanoTime() - end < 0) {
            if (!condition.getAsBoolean()) {
                throw new AssertionError("not true any more: " + what);
            }
            pause(50);
        }
    }

    /** The first value that the supplier has. */
    public static <T> T value(String what, Duration deadline, Supplier<Optional<T>> supplier) {
        long end = System.nanoTime() + deadline.toNanos();
        while (true) {
            Optional<T> value = supplier.get();
            if (value.isPresent()) {
                return value.get();
            }
            if (System.nanoTime() - end >= 0) {
                throw new AssertionError("not within " + deadline.toMillis() + " ms: " + what);
            }
            pause(PAUSE_MILLIS);
        }
    }

    static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }
}
