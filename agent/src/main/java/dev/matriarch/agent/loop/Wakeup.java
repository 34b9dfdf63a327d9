package dev.matriarch.agent.loop;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Lets any thread end the heartbeat's sleep. A call during a heartbeat is remembered until the next sleep. */
final class Wakeup {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition called = lock.newCondition();
    private boolean pending;

    void call() {
        lock.lock();
        try {
            pending = true;
            called.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** @return true if it was called, false if the time passed */
    boolean await(long nanos) throws InterruptedException {
        lock.lock();
        try {
            long left = nanos;
            while (!pending && left > 0) {
                left = called.awaitNanos(left);
            }
            boolean wasCalled = pending;
            pending = false;
            return wasCalled;
        } finally {
            lock.unlock();
        }
    }

    /** Calls itself after the given time; a duty of whoever cannot wait for an event. */
    void callIn(long nanos) {
        java.util.concurrent.CompletableFuture.delayedExecutor(nanos, TimeUnit.NANOSECONDS)
                .execute(this::call);
    }
}
