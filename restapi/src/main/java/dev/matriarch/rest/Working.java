package dev.matriarch.rest;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/** Which threads carry out an order just now: a restart may take longer than a connection may be idle. */
final class Working {
    private final Set<Thread> threads = ConcurrentHashMap.newKeySet();

    <T> T during(Supplier<T> order) {
        threads.add(Thread.currentThread());
        try {
            return order.get();
        } finally {
            threads.remove(Thread.currentThread());
        }
    }

    boolean includes(Thread thread) {
        return threads.contains(thread);
    }
}
