package dev.matriarch.agent.rpc;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Turns the store's notifications into something a request can wait for. Safe for use by several threads. */
final class ChangeSignal {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private long count;

    /** Returns at once: it may be called from a thread of the store. */
    void raise() {
        lock.lock();
        try {
            count++;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** What to hand to {@link #awaitNewer}; ask before reading the state that is waited for. */
    long current() {
        lock.lock();
        try {
            return count;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until something changed after {@code seen}.
     *
     * @param deadline as {@link System#nanoTime()}
     * @return false if the deadline passed first
     */
    boolean awaitNewer(long seen, long deadline) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (count == seen) {
                long left = deadline - System.nanoTime();
                if (left <= 0) {
                    return false;
                }
                changed.await(left, TimeUnit.NANOSECONDS);
            }
            return true;
        } finally {
            lock.unlock();
        }
    }
}
