package dev.matriarch.agent.loop;

import dev.matriarch.agent.rpc.ClusterWatch;
import dev.matriarch.agent.rpc.Guarantee;
import dev.matriarch.proto.watch.v1.Event;
import dev.matriarch.proto.watch.v1.MemberPulse;
import dev.matriarch.rest.Panorama;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps ready what the status page shows of all members. The others are asked only while somebody looks; who looks never
 * waits for them.
 */
final class Lookout implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Lookout.class);
    private static final long INTERVAL_MILLIS = 500;
    private static final Duration ASK_PULSES = Duration.ofSeconds(1);
    private static final Duration FIRST_ASK_EVENTS = Duration.ofSeconds(3);
    private static final long NOBODY_LOOKS_NANOS = 5_000_000_000L;
    private static final Duration FIRST_EVENTS = Duration.ofHours(1);
    private static final Duration LATE_NEWS = Duration.ofSeconds(20);
    private static final int MOST_EVENTS = 60;

    private final FrontDesk desk;
    private final ClusterWatch watch;
    private volatile long looked;
    private volatile List<Panorama.Pulse> pulses = List.of();
    private volatile List<Panorama.Event> events = List.of();
    private Thread watching;
    private boolean closed;

    Lookout(FrontDesk desk, ClusterWatch watch) {
        this.desk = desk;
        this.watch = watch;
    }

    /** Returns at once. Any thread. */
    Panorama look() {
        looked = System.nanoTime();
        begin();
        String guarantee = desk.view()
                .map(view -> Guarantee.sentence(view, desk.dynamicConfig()))
                .orElse("");
        return new Panorama(guarantee, pulses, events);
    }

    private synchronized void begin() {
        if (watching == null && !closed) {
            watching = Thread.ofVirtual().name("lookout").start(this::watch);
        }
    }

    private void watch() {
        Map<String, Event> known = new LinkedHashMap<>();
        Instant since = Instant.now().minus(FIRST_EVENTS);
        // The first question may have the others read old files.
        Duration patience = FIRST_ASK_EVENTS;
        try {
            while (goesOn()) {
                pulses = watch.pulses(ASK_PULSES).stream().map(Lookout::pulse).toList();
                Instant asked = Instant.now();
                events = news(known, since, patience);
                patience = ASK_PULSES;
                since = asked.minus(LATE_NEWS);
                Thread.sleep(INTERVAL_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            LOG.warn("The status page is not told of the other members: {}", e.toString());
            ended();
        }
    }

    private synchronized boolean goesOn() {
        if (closed || System.nanoTime() - looked > NOBODY_LOOKS_NANOS) {
            watching = null;
            return false;
        }
        return true;
    }

    private synchronized void ended() {
        watching = null;
    }

    private List<Panorama.Event> news(Map<String, Event> known, Instant since, Duration patience) {
        for (Event event : watch.events(since, MOST_EVENTS, patience).getEventsList()) {
            known.putIfAbsent(event.getAtMillis() + event.getMember() + event.getWhat(), event);
        }
        List<Event> merged = ClusterWatch.merged(List.copyOf(known.values()));
        List<Event> latest = merged.subList(Math.max(0, merged.size() - MOST_EVENTS), merged.size());
        long oldest = latest.isEmpty() ? 0 : latest.getFirst().getAtMillis();
        known.values().removeIf(e -> e.getAtMillis() < oldest);
        return latest.stream()
                .map(e -> new Panorama.Event(e.getAtMillis(), e.getMember(), e.getKind(), e.getWhat(), e.getShared()))
                .toList();
    }

    private static Panorama.Pulse pulse(MemberPulse pulse) {
        return new Panorama.Pulse(
                pulse.getName(),
                pulse.getProblem(),
                pulse.hasLeaseMillis() ? OptionalLong.of(pulse.getLeaseMillis()) : OptionalLong.empty(),
                pulse.getGuarded(),
                pulse.getWatchdog(),
                pulse.getLateMillis(),
                pulse.getLastDecision(),
                pulse.getState(),
                Map.copyOf(pulse.getStoreMap()));
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (watching != null) {
            watching.interrupt();
        }
    }
}
