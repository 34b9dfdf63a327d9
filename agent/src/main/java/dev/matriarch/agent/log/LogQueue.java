package dev.matriarch.agent.log;

import ch.qos.logback.classic.AsyncAppender;
import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Lines that wait to be written by a thread of their own. Whoever logs never waits: a line that finds the queue full is
 * lost and counted, and the number is logged as soon as there is room again.
 */
final class LogQueue extends AsyncAppender {
    /** At the end, a disk that does not answer gets no longer than this. */
    private static final int FLUSH_MILLIS = 2000;

    private final Logger reporter;
    private final AtomicLong lost = new AtomicLong();

    /** @param reporter in whose name losses are told */
    LogQueue(int size, Logger reporter) {
        this.reporter = reporter;
        setQueueSize(size);
        setDiscardingThreshold(0);
        setNeverBlock(true);
        setMaxFlushTime(FLUSH_MILLIS);
    }

    @Override
    protected void append(ILoggingEvent event) {
        if (getRemainingCapacity() < 2) {
            lost.incrementAndGet();
            return;
        }
        long missing = lost.getAndSet(0);
        if (missing > 0) {
            super.append(new LoggingEvent(
                    LogQueue.class.getName(),
                    reporter,
                    Level.WARN,
                    "QueueHandler has lost " + missing + " log records",
                    null,
                    null));
        }
        super.append(event);
    }
}
