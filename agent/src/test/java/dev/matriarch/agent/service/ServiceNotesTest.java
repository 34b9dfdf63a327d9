package dev.matriarch.agent.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ServiceNotesTest {
    private final LinkedBlockingQueue<String> sent = new LinkedBlockingQueue<>();
    private final AtomicLong now = new AtomicLong(5_000_000_000L);

    private ServiceNotes notes(Duration watchdog) {
        return new ServiceNotes(sent::add, watchdog, now::get);
    }

    @Test
    void readyIsSaidOnceAtTheFirstHeartbeatThenOnlyWhatChanges() {
        try (ServiceNotes notes = notes(Duration.ZERO)) {
            notes.beat(Duration.ofSeconds(7), "following pg1");
            notes.beat(Duration.ofSeconds(7), "following pg1");
            notes.beat(Duration.ofSeconds(7), "leading\nmore");
        }
        assertEquals(List.of("READY=1\nSTATUS=following pg1", "STATUS=leading"), List.copyOf(sent));
    }

    @Test
    void aReloadIsFramedByItsMonotonicTimeAndReady() {
        try (ServiceNotes notes = notes(Duration.ZERO)) {
            notes.beat(Duration.ofSeconds(7), "leading");
            notes.reload(() -> sent.add("read again"));
        }
        assertEquals(
                List.of("READY=1\nSTATUS=leading", "RELOADING=1\nMONOTONIC_USEC=5000000", "read again", "READY=1"),
                List.copyOf(sent));
    }

    @Test
    void afterStoppingNothingClaimsToBeReady() {
        try (ServiceNotes notes = notes(Duration.ZERO)) {
            notes.beat(Duration.ofSeconds(7), "leading");
            notes.stopping("stopping");
            notes.beat(Duration.ofSeconds(7), "stopping PostgreSQL");
            notes.reload(() -> {});
        }
        assertEquals(List.of("READY=1\nSTATUS=leading", "STOPPING=1\nSTATUS=stopping"), List.copyOf(sent));
    }

    @Test
    void theWatchdogIsFedByALivingHeartbeatOnly() throws InterruptedException {
        try (ServiceNotes notes = notes(Duration.ofMillis(40))) {
            notes.beat(Duration.ofSeconds(7), "leading");
            awaitPing();
            awaitPing();
            now.addAndGet(Duration.ofSeconds(8).toNanos());
            // One may have been on its way.
            while (sent.poll(100, TimeUnit.MILLISECONDS) != null) {
                assertTrue(sent.size() < 100);
            }
            assertNull(sent.poll(100, TimeUnit.MILLISECONDS));
            notes.beat(Duration.ofSeconds(7), "leading");
            awaitPing();
        }
    }

    private void awaitPing() throws InterruptedException {
        String text = sent.poll(10, TimeUnit.SECONDS);
        while (text != null && !text.equals("WATCHDOG=1")) {
            text = sent.poll(10, TimeUnit.SECONDS);
        }
        assertEquals("WATCHDOG=1", text);
    }

    @Test
    void theWatchdogOfAnotherProcessIsNotOurs() {
        assertEquals(Duration.ofSeconds(30), ServiceNotes.watchdog(Map.of("WATCHDOG_USEC", "30000000"), 7));
        assertEquals(
                Duration.ofSeconds(30),
                ServiceNotes.watchdog(Map.of("WATCHDOG_USEC", "30000000", "WATCHDOG_PID", "7"), 7));
        assertEquals(Duration.ZERO, ServiceNotes.watchdog(Map.of("WATCHDOG_USEC", "30000000", "WATCHDOG_PID", "8"), 7));
        assertEquals(Duration.ZERO, ServiceNotes.watchdog(Map.of("WATCHDOG_USEC", "soon"), 7));
        assertEquals(Duration.ZERO, ServiceNotes.watchdog(Map.of(), 7));
    }
}
