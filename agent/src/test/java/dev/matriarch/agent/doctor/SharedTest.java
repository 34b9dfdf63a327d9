package dev.matriarch.agent.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Context;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Several who ask at the same time. */
class SharedTest {
    private final AtomicInteger done = new AtomicInteger();

    @Test
    void thoseWhoAskMeanwhileGetTheSame() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        Shared<Integer> shared = new Shared<>(
                () -> {
                    begun.countDown();
                    try {
                        assertTrue(end.await(20, TimeUnit.SECONDS));
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                    return done.incrementAndGet();
                },
                Duration.ZERO);
        List<CompletableFuture<Integer>> askers = IntStream.range(0, 5)
                .mapToObj(i -> CompletableFuture.supplyAsync(shared::get, Thread::startVirtualThread))
                .toList();
        assertTrue(begun.await(20, TimeUnit.SECONDS));
        CompletableFuture<Integer> late = CompletableFuture.supplyAsync(shared::get, Thread::startVirtualThread);
        assertEquals(0, done.get());
        end.countDown();
        for (CompletableFuture<Integer> asker : askers) {
            assertTrue(asker.get(20, TimeUnit.SECONDS) <= 6);
        }
        assertTrue(late.get(20, TimeUnit.SECONDS) >= 1);
    }

    @Test
    void theLastResultIsKeptForAWhileUnlessThereIsNone() {
        Shared<Integer> kept = new Shared<>(done::incrementAndGet, Duration.ofHours(1));
        assertEquals(1, kept.get());
        assertEquals(1, kept.get());
        Shared<Integer> notKept = new Shared<>(done::incrementAndGet, Duration.ZERO);
        assertEquals(2, notKept.get());
        assertEquals(3, notKept.get());
        Shared<Integer> failing = new Shared<>(
                () -> {
                    if (done.incrementAndGet() == 4) {
                        throw new IllegalStateException("no");
                    }
                    return done.get();
                },
                Duration.ofHours(1));
        assertThrows(IllegalStateException.class, failing::get);
        assertEquals(5, failing.get());
    }

    @Test
    void theWorkGoesOnWhenWhoAskedFirstGoesAway() throws Exception {
        Shared<Boolean> shared = new Shared<>(() -> Context.current() == Context.ROOT, Duration.ZERO);
        try (Context.CancellableContext call = Context.current().withCancellation()) {
            assertTrue(call.call(shared::get));
        }
    }
}
