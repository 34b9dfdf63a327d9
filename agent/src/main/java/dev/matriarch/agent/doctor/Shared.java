package dev.matriarch.agent.doctor;

import io.grpc.Context;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/**
 * One piece of work at a time, however many ask for it. Who asks while it is done, or soon after it was begun, gets the same
 * result. Any thread; blocks as long as the work does.
 */
final class Shared<T> {
    private final Supplier<T> work;
    private final Duration kept;
    private CompletableFuture<T> last;
    private long began;

    /** @param kept since the work was begun */
    Shared(Supplier<T> work, Duration kept) {
        this.work = work;
        this.kept = kept;
    }

    T get() {
        CompletableFuture<T> mine = null;
        CompletableFuture<T> result;
        synchronized (this) {
            boolean usable = last != null
                    && (!last.isDone()
                            || !last.isCompletedExceptionally() && System.nanoTime() - began < kept.toNanos());
            if (!usable) {
                mine = new CompletableFuture<>();
                last = mine;
                began = System.nanoTime();
            }
            result = last;
        }
        if (mine != null) {
            CompletableFuture<T> one = mine;
            // The first who asked may go away before it is done; the others still want all of it.
            Context asker = Context.ROOT.attach();
            try {
                one.complete(work.get());
            } finally {
                Context.ROOT.detach(asker);
                // Nobody waits for ever for work that failed.
                one.completeExceptionally(new IllegalStateException("the examination that was going on failed"));
            }
        }
        try {
            return result.join();
        } catch (CompletionException e) {
            throw new IllegalStateException(e.getCause().getMessage(), e);
        }
    }
}
