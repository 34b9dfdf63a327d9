package dev.matriarch.rest;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * The open event streams of status pages. Their number is bounded; one that does not take what it is sent within a
 * deadline is cut off. Each runs on its connection's own virtual thread; what they show is made once for all of them.
 */
final class UiStreams implements AutoCloseable {
    static final String TYPE = "text/event-stream";
    static final int MOST = 16;
    private static final Duration INTERVAL = Duration.ofMillis(500);
    private static final Duration WRITE = Duration.ofSeconds(2);
    /** A browser whose stream ended comes back after this. */
    private static final String RETRY = "retry: 2000\n\n";

    private final Supplier<byte[]> state;
    private final Duration writeDeadline;
    private final Set<Stream> open = ConcurrentHashMap.newKeySet();
    private byte[] latest = new byte[0];
    private long madeAt;
    private boolean made;
    private Thread reaper;
    private boolean closed;

    private static final class Stream {
        final Thread thread = Thread.currentThread();
        /** While it writes: since when. 0: it does not. */
        volatile long writingSince;
    }

    UiStreams(Supplier<byte[]> state) {
        this(state, WRITE);
    }

    UiStreams(Supplier<byte[]> state, Duration writeDeadline) {
        this.state = state;
        this.writeDeadline = writeDeadline;
    }

    static byte[] event(byte[] json) {
        return ("data: " + new String(json, StandardCharsets.UTF_8) + "\n\n").getBytes(StandardCharsets.UTF_8);
    }

    /** A place among the streams, if there is one; it must be given back. */
    synchronized boolean enter() {
        if (closed || open.size() >= MOST) {
            return false;
        }
        open.add(new Stream());
        if (reaper == null) {
            reaper = Thread.ofVirtual().name("ui-streams").start(this::cutOffTheSlow);
        }
        return true;
    }

    synchronized void leave() {
        open.removeIf(s -> s.thread == Thread.currentThread());
        Thread.interrupted();
    }

    int size() {
        return open.size();
    }

    /** Writes until the other end goes away, is too slow, or the door closes. On the thread that entered. */
    void run(OutputStream out) throws IOException {
        Stream me = open.stream()
                .filter(s -> s.thread == Thread.currentThread())
                .findFirst()
                .orElseThrow();
        try {
            write(me, out, RETRY.getBytes(StandardCharsets.US_ASCII));
            while (!isClosed()) {
                write(me, out, latest());
                Thread.sleep(INTERVAL);
            }
        } catch (InterruptedException e) {
            throw new IOException("the stream was cut off", e);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static void write(Stream me, OutputStream out, byte[] bytes) throws IOException {
        me.writingSince = System.nanoTime() | 1;
        out.write(bytes);
        out.flush();
        me.writingSince = 0;
    }

    private synchronized byte[] latest() {
        long now = System.nanoTime();
        if (!made || now - madeAt > INTERVAL.toNanos() / 2) {
            latest = event(state.get());
            madeAt = now;
            made = true;
        }
        return latest;
    }

    private synchronized boolean isClosed() {
        return closed;
    }

    private void cutOffTheSlow() {
        try {
            while (goesOn()) {
                long now = System.nanoTime();
                for (Stream stream : open) {
                    long since = stream.writingSince;
                    if (since != 0 && now - since > writeDeadline.toNanos()) {
                        // Interrupting a virtual thread closes the socket that it writes to.
                        stream.thread.interrupt();
                    }
                }
                Thread.sleep(writeDeadline.dividedBy(4));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized boolean goesOn() {
        if (closed || open.isEmpty()) {
            reaper = null;
            return false;
        }
        return true;
    }

    /** Cuts off all that are open. */
    void end() {
        open.forEach(s -> s.thread.interrupt());
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        end();
    }
}
