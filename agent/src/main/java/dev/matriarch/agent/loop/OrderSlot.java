package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Order;
import java.util.concurrent.atomic.AtomicReference;

/** The one order that waits to be begun. All methods may be called by any thread and return at once. */
final class OrderSlot {
    private final AtomicReference<Order> order = new AtomicReference<>();
    private volatile Order outdated;

    /** @return null: none */
    Order current() {
        return order.get();
    }

    /** False if another one waits; a shutdown takes its place. */
    boolean give(Order wanted) {
        return wanted instanceof Order.Shutdown ? order.getAndSet(wanted) != wanted : order.compareAndSet(null, wanted);
    }

    /** Takes back this very order, if it still waits. */
    void withdraw(Order unwanted) {
        order.compareAndSet(unwanted, null);
    }

    /** A restart begins: whoever asked for one gets this. */
    void restarts() {
        order.updateAndGet(o -> o instanceof Order.Restart || o instanceof Order.RestartStandby ? null : o);
    }

    /** The data directory is discarded. @return what waited until now, or null */
    Order discards() {
        return order.getAndUpdate(o -> o instanceof Order.Reinitialize ? null : o);
    }

    /** This member leads: a copy was meant for a replica, and must not wait until this member is one again. */
    void leads() {
        if (order.get() instanceof Order.Reinitialize late) {
            // First: who sees it gone must see why.
            outdated = late;
            withdraw(late);
        }
    }

    /** True if this very order was taken back because this member leads. */
    boolean isOutdated(Order given) {
        return outdated == given;
    }
}
