package dev.matriarch.agent.recorder;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps what this agent saw and decided in a bounded local file.
 *
 * <p>{@link #record} only puts the step into a bounded queue; one thread writes. What cannot be written, because the
 * disk is full or slow, is left out and counted: the heartbeat never waits and never fails for it.
 */
public final class FlightRecorder implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(FlightRecorder.class);
    static final int FORMAT = 1;
    private static final int QUEUE = 512;
    private static final long RETRY_NANOS = 10_000_000_000L;
    private static final long CLOSE_MILLIS = 1_000;

    private sealed interface Entry {}

    private record Step(int number, Observation seen, Decision decided) implements Entry {}

    private record Noted(Event event) implements Entry {}

    private final BlockingQueue<Entry> queue = new ArrayBlockingQueue<>(QUEUE);
    private final AtomicLong dropped = new AtomicLong();
    private final Path directory;
    private final Segments segments;
    private final Journal journal;
    private final Thread writer;
    private volatile boolean closing;
    private boolean failing;
    private long failedAt;

    /** @param size of all files together, in bytes */
    public FlightRecorder(Path directory, long size, String version, String scope, String member) {
        this.directory = directory;
        this.segments = new Segments(
                directory,
                size,
                Codec.MAPPER
                        .createObjectNode()
                        .put("flight_recorder", FORMAT)
                        .put("matriarch", version)
                        .put("scope", scope)
                        .put("member", member)
                        .put("started", Instant.now().toString())
                        .toString());
        this.journal = new Journal(segments::write);
        this.writer = Thread.ofPlatform().name("flight-recorder").daemon().start(this::run);
    }

    /**
     * Notes one step of a heartbeat; returns at once. For the heartbeat's thread.
     *
     * @param number of the step in its heartbeat; 0 begins one
     */
    public void record(int number, Observation seen, Decision decided) {
        if (!queue.offer(new Step(number, seen, decided))) {
            dropped.incrementAndGet();
        }
    }

    /** Notes something that observations do not show: what a person asked for. Returns at once; any thread. */
    public void note(Event event) {
        if (!queue.offer(new Noted(event))) {
            dropped.incrementAndGet();
        }
    }

    private void run() {
        try {
            while (!closing || !queue.isEmpty()) {
                Entry entry = queue.poll(200, TimeUnit.MILLISECONDS);
                if (entry != null) {
                    write(entry);
                }
            }
            journal.finish();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException | RuntimeException e) {
            LOG.warn("The flight recorder in {} was not written to its end: {}", directory, e.getMessage());
        }
        try {
            segments.close();
        } catch (IOException e) {
            LOG.debug("While closing the flight recorder: {}", e.getMessage());
        }
    }

    private void write(Entry entry) {
        if (failing && System.nanoTime() - failedAt < RETRY_NANOS) {
            dropped.incrementAndGet();
            return;
        }
        try {
            journal.dropped(dropped.getAndSet(0));
            switch (entry) {
                case Step step -> journal.step(step.number(), step.seen(), step.decided());
                case Noted(Event event) -> journal.noted(event);
            }
            if (failing) {
                failing = false;
                LOG.info("The flight recorder in {} is written again", directory);
            }
        } catch (IOException | RuntimeException e) {
            dropped.incrementAndGet();
            failedAt = System.nanoTime();
            if (!failing) {
                failing = true;
                LOG.warn(
                        "The flight recorder in {} cannot be written: {}. The agent goes on without it and tries again"
                                + " every 10 s",
                        directory,
                        e.toString());
            }
            try {
                segments.close();
            } catch (IOException alsoThat) {
                LOG.debug("While closing the flight recorder: {}", alsoThat.getMessage());
            }
        }
    }

    /** Writes what is queued, for at most a second. */
    @Override
    public void close() {
        closing = true;
        try {
            writer.join(CLOSE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        writer.interrupt();
    }
}
