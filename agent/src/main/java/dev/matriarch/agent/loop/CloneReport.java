package dev.matriarch.agent.loop;

import dev.matriarch.agent.postgres.CloneProgress;
import dev.matriarch.dcs.CloneStatus;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How far the copy is that is being made: published with the member's record, and logged now and then. Any thread. */
final class CloneReport {
    private static final Logger LOG = LoggerFactory.getLogger(CloneReport.class);
    private static final long LOG_EVERY = Duration.ofSeconds(10).toNanos();

    private final LongSupplier nanos;
    private volatile Optional<CloneStatus> now = Optional.empty();
    private long loggedAt;

    CloneReport(LongSupplier nanos) {
        this.nanos = nanos;
        this.loggedAt = nanos.getAsLong();
    }

    Optional<CloneStatus> now() {
        return now;
    }

    void told(CloneProgress progress) {
        CloneStatus status = new CloneStatus(
                progress.method(),
                progress.bytes(),
                progress.total(),
                progress.rate(),
                progress.left().map(left -> OptionalLong.of(left.toSeconds())).orElse(OptionalLong.empty()));
        boolean first = now.isEmpty();
        now = Optional.of(status);
        log(status, first);
    }

    private synchronized void log(CloneStatus status, boolean first) {
        long at = nanos.getAsLong();
        if (first || at - loggedAt >= LOG_EVERY) {
            loggedAt = at;
            LOG.info("creating replica with {}: {}", status.method(), status.words());
        }
    }

    void over() {
        now = Optional.empty();
    }
}
