package dev.matriarch.agent.service;

import dev.matriarch.agent.postgres.linux.NotifySocket;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells systemd when the agent is ready, reloads, stops, and, if it asked with {@code WATCHDOG_USEC}, that the heartbeat
 * lives. Without {@code NOTIFY_SOCKET} nothing is sent and no native code loaded. Any thread; see sd_notify(3).
 */
public final class ServiceNotes implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ServiceNotes.class);
    private static final int LONGEST_STATUS = 200;

    private final Predicate<String> sender;
    private final LongSupplier nanos;
    private final ReentrantLock lock = new ReentrantLock();
    /** Asked for by the service manager; null if it did not. */
    private final Thread watchdog;

    private boolean ready;
    private boolean stopping;
    private long aliveUntil;
    private String status = "";

    /**
     * @param sender returns at once, false if nobody listened
     * @param watchdog within which the service manager wants to hear from a living agent; zero if it does not
     * @param nanos a monotonic clock, the same as the kernel's {@code CLOCK_MONOTONIC}
     */
    ServiceNotes(Predicate<String> sender, Duration watchdog, LongSupplier nanos) {
        this.sender = sender;
        this.nanos = nanos;
        this.watchdog = watchdog.isPositive()
                ? Thread.ofPlatform()
                        .daemon()
                        .name("service-watchdog")
                        .start(() -> pingEvery(watchdog.dividedBy(4).toNanos()))
                : null;
    }

    /** @param libraryDirectory where native code may be unpacked, if there is a service manager to talk to */
    public static ServiceNotes of(Map<String, String> environment, Path libraryDirectory) {
        String address = environment.getOrDefault("NOTIFY_SOCKET", "");
        if (!address.isEmpty()) {
            try {
                NotifySocket socket = NotifySocket.open(address, libraryDirectory);
                return new ServiceNotes(
                        socket::send,
                        watchdog(environment, ProcessHandle.current().pid()),
                        System::nanoTime);
            } catch (IOException e) {
                LOG.warn(
                        "The service manager at NOTIFY_SOCKET={} is not told how this agent does: {}",
                        address,
                        e.getMessage());
            }
        }
        return new ServiceNotes(text -> true, Duration.ZERO, System::nanoTime);
    }

    /** Zero if nothing is wanted, or of another process. */
    static Duration watchdog(Map<String, String> environment, long me) {
        try {
            String whose = environment.getOrDefault("WATCHDOG_PID", "");
            if (!whose.isEmpty() && Long.parseLong(whose) != me) {
                return Duration.ZERO;
            }
            long micros = Long.parseLong(environment.getOrDefault("WATCHDOG_USEC", "0"));
            return Duration.ofNanos(TimeUnit.MICROSECONDS.toNanos(Math.max(micros, 0)));
        } catch (NumberFormatException e) {
            LOG.warn("WATCHDOG_USEC or WATCHDOG_PID is no number: the service manager's watchdog is not fed");
            return Duration.ZERO;
        }
    }

    /**
     * A heartbeat has ended.
     *
     * @param nextWithin if no other one ends in this time, the agent counts as hung
     * @param doing what it does, for people
     */
    public void beat(Duration nextWithin, String doing) {
        lock.lock();
        try {
            aliveUntil = nanos.getAsLong() + nextWithin.toNanos();
            if (stopping) {
                return;
            }
            String shown = doing.lines().findFirst().orElse("");
            shown = shown.length() > LONGEST_STATUS ? shown.substring(0, LONGEST_STATUS) : shown;
            if (!ready) {
                ready = sender.test("READY=1\nSTATUS=" + shown);
                status = shown;
            } else if (!shown.equals(status)) {
                status = shown;
                sender.test("STATUS=" + shown);
            }
        } finally {
            lock.unlock();
        }
    }

    /** The configuration is read again, by the given action; the service manager waits for its end. */
    public void reload(Runnable action) {
        say("RELOADING=1\nMONOTONIC_USEC=" + TimeUnit.NANOSECONDS.toMicros(nanos.getAsLong()));
        try {
            action.run();
        } finally {
            say("READY=1");
        }
    }

    /** The agent is about to end. */
    public void stopping(String why) {
        lock.lock();
        try {
            stopping = true;
            sender.test("STOPPING=1\nSTATUS=" + why);
        } finally {
            lock.unlock();
        }
    }

    private void say(String text) {
        lock.lock();
        try {
            if (ready && !stopping) {
                sender.test(text);
            }
        } finally {
            lock.unlock();
        }
    }

    private void pingEvery(long period) {
        try {
            while (true) {
                ping();
                TimeUnit.NANOSECONDS.sleep(period);
            }
        } catch (InterruptedException e) {
            // Asked to end.
            return;
        }
    }

    private void ping() {
        boolean alive;
        lock.lock();
        try {
            // Before the first heartbeat the time to start has its own limit; at the end, the time to stop.
            alive = !ready || stopping || aliveUntil - nanos.getAsLong() > 0;
        } finally {
            lock.unlock();
        }
        if (alive) {
            sender.test("WATCHDOG=1");
        } else {
            LOG.error("No heartbeat has ended for too long: the service manager's watchdog is not fed any more");
        }
    }

    @Override
    public void close() {
        if (watchdog != null) {
            watchdog.interrupt();
        }
    }
}
