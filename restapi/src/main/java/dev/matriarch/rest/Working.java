package dev.matriarch.rest;

import java.io.IOException;
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

    /** A body is part of the request, not of what is done then: it is not waited for any longer than other words. */
    <T> T unless(IoQuestion<T> reading) throws IOException {
        boolean was = threads.remove(Thread.currentThread());
        try {
            return reading.ask();
        } finally {
            if (was) {
                threads.add(Thread.currentThread());
            }
        }
    }

    interface IoQuestion<T> {
        T ask() throws IOException;
    }

    boolean includes(Thread thread) {
        return threads.contains(thread);
    }
}
