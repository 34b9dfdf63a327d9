package dev.matriarch.raft;

import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.LeaseClock;
import dev.matriarch.raft.state.StoreState;
import dev.matriarch.raft.state.StoreState.Event;
import dev.matriarch.raft.state.StoreState.Lease;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;

/**
 * Notes when this replica applied each renewal and, while this peer is the Raft leader and ready, proposes the end of
 * leases that are over. A new Raft leader goes on with what it noted as a follower: a change of Raft leader neither
 * lengthens nor shortens a lease. A proposal that comes too late is harmless: it names the renewal that it saw.
 */
final class LeaseExpiry implements AutoCloseable {
    /** A proposal that was lost on the way is made again after this time. */
    private static final long RETRY_NANOS = 300_000_000L;

    private final LeaseClock clock = new LeaseClock();
    private final Consumer<Lease> propose;
    private final Thread thread;
    private boolean leading;
    private boolean closed;
    private long wakeAt;

    /** @param propose starts the proposal and returns at once */
    LeaseExpiry(String name, Consumer<Lease> propose) {
        this.propose = propose;
        this.thread = Thread.ofPlatform().daemon().name(name).unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    synchronized void loaded(StoreState state) {
        clock.restart(state.leases().values(), System.nanoTime());
        notifyAll();
    }

    synchronized void applied(Apply.Applied applied) {
        long now = System.nanoTime();
        for (Event event : applied.events()) {
            if (event.kind() == Event.Kind.LEASE_EXPIRED || event.kind() == Event.Kind.LEASE_RELEASED) {
                clock.ended(event.key());
            }
        }
        for (Lease lease : applied.renewed()) {
            clock.renewed(lease, now);
            // A sleeper is only woken for a deadline before the one it sleeps for.
            if (leading && now + lease.ttlMillis() * 1_000_000L - wakeAt < 0) {
                notifyAll();
            }
        }
    }

    synchronized void lead(boolean ready) {
        leading = ready;
        notifyAll();
    }

    private void run() {
        try {
            while (true) {
                List<Lease> due;
                synchronized (this) {
                    if (closed) {
                        return;
                    }
                    due = leading ? clock.due(System.nanoTime()) : List.of();
                    if (due.isEmpty()) {
                        sleep();
                        continue;
                    }
                }
                due.forEach(propose);
                synchronized (this) {
                    if (!closed) {
                        wakeAt = System.nanoTime() + RETRY_NANOS;
                        wait(RETRY_NANOS / 1_000_000);
                    }
                }
            }
        } catch (InterruptedException e) {
            // Only close() interrupts: nothing is left to do.
            Thread.currentThread().interrupt();
        }
    }

    private void sleep() throws InterruptedException {
        long now = System.nanoTime();
        OptionalLong next = leading ? clock.untilNext(now) : OptionalLong.empty();
        if (next.isEmpty()) {
            // Nothing to wait for: leadership or the first lease will wake us.
            wakeAt = Long.MAX_VALUE / 2 + now;
            wait();
        } else {
            wakeAt = now + next.getAsLong();
            wait(next.getAsLong() / 1_000_000 + 1);
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        thread.interrupt();
    }
}
