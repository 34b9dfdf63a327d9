package dev.matriarch.dcs.http;

import dev.matriarch.dcs.Dcs;
import dev.matriarch.dcs.Measure;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;

/** When a store has answered last, and what has gone wrong since. Any thread. */
public final class Contact {
    /** What has failed for less may have been one server's failure, or one request's. */
    private static final Duration TOO_LONG = Duration.ofSeconds(20);

    private final String store;
    private final LongSupplier clock;
    private volatile Optional<Long> answeredAt = Optional.empty();
    private volatile String lastFailure = "";

    /** @param store what people call it */
    public Contact(String store) {
        this(store, System::nanoTime);
    }

    /** @param clock monotonic, in nanoseconds */
    Contact(String store, LongSupplier clock) {
        this.store = store;
        this.clock = clock;
    }

    /** It has said something of its own: what failed before is over. */
    public void answered() {
        lastFailure = "";
        answeredAt = Optional.of(clock.getAsLong());
    }

    public void failed(String why) {
        lastFailure = why;
    }

    /** Empty if nothing has failed since the last answer. */
    public String lastFailure() {
        return lastFailure;
    }

    private Optional<Duration> sinceLastAnswer() {
        return answeredAt.map(at -> Duration.ofNanos(clock.getAsLong() - at));
    }

    /**
     * A sentence for {@link Dcs#health}.
     *
     * @param server who answered: the store, with an address where one is known
     */
    public String health(String server) {
        String failure = lastFailure;
        return sinceLastAnswer()
                .map(since -> since.compareTo(TOO_LONG) < 0 || failure.isEmpty()
                        ? "ok: " + server + " answered " + since.toMillis() + " ms ago"
                        : "no answer from " + store + " for " + since.toSeconds() + " s: " + failure)
                .orElse(
                        failure.isEmpty()
                                ? "ok: " + store + " has not been asked yet"
                                : "no answer from " + store + " yet: " + failure);
    }

    /**
     * For {@link Dcs#measures}; empty before the first answer.
     *
     * @param prefix of the measure's name
     * @param server who answers, in its description
     */
    public List<Measure> measures(String prefix, String server) {
        return sinceLastAnswer()
                .map(since -> List.of(Measure.gauge(
                        prefix + "_last_answer_seconds",
                        "Time since " + server + " answered last",
                        since.toMillis() / 1000.0)))
                .orElse(List.of());
    }
}
