package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.ha.Task;
import dev.matriarch.agent.ha.WalGap;
import dev.matriarch.agent.postgres.Divergence;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.dcs.Lsn;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** As {@link Actions} runs it: beside the heartbeat, which may cancel it. */
@Timeout(60)
class ComparisonTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final long EPOCH = 5;

    private final AtomicLong now = new AtomicLong(7);
    private final Clock clock = new Clock() {
        @Override
        public long nanos() {
            return now.get();
        }

        @Override
        public long uptimeCentis() {
            return now.get() / 10_000_000;
        }

        @Override
        public Instant wall() {
            return Instant.EPOCH;
        }
    };
    private final Memory memory = new Memory(0);
    private Duration loopWait = Duration.ofSeconds(10);
    private final Comparison comparison = new Comparison(memory, clock, () -> loopWait);
    private final List<Boolean> ended = new ArrayList<>();
    private final TaskRunner tasks = new TaskRunner(clock, () -> {}, (kind, success) -> ended.add(success));

    private interface Answer {
        Divergence found() throws PostgresException;
    }

    private boolean compared(Answer answer) throws Exception {
        return tasks.start(
                        Task.Kind.CHECK_DIVERGENCE,
                        PATIENCE,
                        () -> comparison.ended("n1", EPOCH, answer.found()),
                        comparison::failed)
                .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }

    private dev.matriarch.agent.ha.Divergence known(long epoch) {
        return memory.situation(true).divergenceAgainst(epoch);
    }

    private OptionalLong retryAt() {
        return memory.situation(true).retryAt();
    }

    private void notKnown() {
        assertInstanceOf(dev.matriarch.agent.ha.Divergence.Unchecked.class, known(EPOCH));
    }

    @Test
    void whatIsFoundHoldsAgainstThatLeaderOnly() throws Exception {
        Optional<WalGap> gap = Optional.of(new WalGap("000000010000000000000003", new Lsn(0x3000000)));
        assertTrue(compared(() -> new Divergence.NotDiverged("it ends before", gap)));
        assertEquals(new dev.matriarch.agent.ha.Divergence.None(gap), known(EPOCH));
        assertInstanceOf(dev.matriarch.agent.ha.Divergence.Unchecked.class, known(EPOCH + 1));
        for (boolean rewindable : new boolean[] {true, false}) {
            assertTrue(compared(() -> new Divergence.Diverged("it is ahead", rewindable)));
            assertEquals(new dev.matriarch.agent.ha.Divergence.Found("it is ahead", rewindable), known(EPOCH));
            assertInstanceOf(dev.matriarch.agent.ha.Divergence.Unchecked.class, known(EPOCH + 1));
        }
        assertEquals(OptionalLong.empty(), retryAt());
    }

    @Test
    void whatCannotBeToldIsAskedAgainInTheNextHeartbeatAndDecidesNothing() throws Exception {
        assertTrue(compared(() -> new Divergence.Unknown("it sleeps")));
        notKnown();
        assertEquals(OptionalLong.of(7 + Duration.ofSeconds(10).toNanos()), retryAt());
        // Not more often than once in a second, however short a heartbeat is.
        loopWait = Duration.ofMillis(1);
        now.set(9);
        assertTrue(compared(() -> new Divergence.Unknown("it sleeps")));
        assertEquals(OptionalLong.of(9 + Duration.ofSeconds(1).toNanos()), retryAt());
        // What was found before is not forgotten by it.
        assertTrue(compared(() -> new Divergence.Diverged("it is ahead")));
        assertTrue(compared(() -> new Divergence.Unknown("it sleeps")));
        assertEquals(new dev.matriarch.agent.ha.Divergence.Found("it is ahead"), known(EPOCH));
    }

    @Test
    void aComparisonThatFailsIsMadeAgain() throws Exception {
        assertFalse(compared(() -> {
            throw new PostgresException("pg_controldata does not start");
        }));
        notKnown();
        assertEquals(OptionalLong.of(7 + Duration.ofSeconds(10).toNanos()), retryAt());
        now.set(8);
        assertFalse(compared(() -> {
            throw new IllegalStateException("nobody expected that");
        }));
        assertEquals(OptionalLong.of(8 + Duration.ofSeconds(10).toNanos()), retryAt());
        // It says nothing of this server.
        assertEquals(0, memory.situation(true).failedStarts());
        assertEquals(List.of(false, false), ended);
    }

    /** Something more urgent came: the answer is that of a question that was cut off. */
    @Test
    void ofACancelledOneNothingFollows() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        var done = tasks.start(
                Task.Kind.CHECK_DIVERGENCE,
                PATIENCE,
                () -> {
                    asked.countDown();
                    try {
                        new CountDownLatch(1).await(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                    } catch (InterruptedException e) {
                        // As whoever asks a server does.
                        Thread.currentThread().interrupt();
                    }
                    comparison.ended("n1", EPOCH, new Divergence.Unknown("interrupted"));
                },
                comparison::failed);
        assertTrue(asked.await(PATIENCE.toSeconds(), TimeUnit.SECONDS));
        tasks.cancel(PATIENCE);
        assertFalse(done.get(PATIENCE.toSeconds(), TimeUnit.SECONDS));
        notKnown();
        assertEquals(OptionalLong.empty(), retryAt());
        assertEquals(List.of(), ended);
    }
}
