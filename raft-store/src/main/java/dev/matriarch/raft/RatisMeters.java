package dev.matriarch.raft;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.ratis.metrics.LongCounter;
import org.apache.ratis.metrics.MetricRegistries;
import org.apache.ratis.metrics.MetricRegistryInfo;
import org.apache.ratis.metrics.RatisMetricRegistry;
import org.apache.ratis.metrics.Timekeeper;
import org.apache.ratis.protocol.RaftGroupMemberId;
import org.apache.ratis.util.TimeDuration;

/**
 * What Ratis measures of itself, as far as anybody wants to know it: how long its log takes. Ratis finds this class by {@code
 * META-INF/services}. Its own keeps a thousand values of each of some fifty timers, without histograms.
 */
public final class RatisMeters extends MetricRegistries {
    /** What an entry waits for on this peer: for the log's thread, for the write, for the disk. */
    static final String APPEND = "appendEntryLatency";
    /** What the log waits for the disk. */
    static final String FSYNC = "flushTime";

    private static final String LOG = "log_worker";

    private final Map<MetricRegistryInfo, Registry> registries = new ConcurrentHashMap<>();

    /**
     * Of a peer's log; empty if it has none.
     *
     * @param timer {@link #APPEND} or {@link #FSYNC}
     */
    static Optional<Durations> ofLog(RaftGroupMemberId peer, String timer) {
        if (!(MetricRegistries.global() instanceof RatisMeters meters)) {
            return Optional.empty();
        }
        return meters.registries.values().stream()
                .filter(r -> r.info.getMetricsComponentName().equals(LOG)
                        && r.info.getPrefix().equals(peer.toString()))
                .findFirst()
                .map(r -> r.wanted.get(timer));
    }

    private record Registry(MetricRegistryInfo info, Map<String, Durations> wanted, Map<String, Counter> counters)
            implements RatisMetricRegistry {
        Registry(MetricRegistryInfo info) {
            this(
                    info,
                    info.getMetricsComponentName().equals(LOG)
                            ? Map.of(APPEND, new Durations(), FSYNC, new Durations())
                            : Map.of(),
                    new ConcurrentHashMap<>());
        }

        @Override
        public Timekeeper timer(String name) {
            Durations durations = wanted.get(name);
            return () -> {
                long begin = System.nanoTime();
                return () -> {
                    long nanos = System.nanoTime() - begin;
                    if (durations != null) {
                        durations.add(nanos);
                    }
                    return nanos;
                };
            };
        }

        @Override
        public LongCounter counter(String name) {
            return counters.computeIfAbsent(name, n -> new Counter());
        }

        @Override
        public boolean remove(String name) {
            return counters.remove(name) != null;
        }

        @Override
        public <T> void gauge(String name, Supplier<Supplier<T>> gauge) {
            // Nobody reads it.
        }

        @Override
        public MetricRegistryInfo getMetricRegistryInfo() {
            return info;
        }
    }

    private static final class Counter implements LongCounter {
        private final AtomicLong count = new AtomicLong();

        @Override
        public void inc(long n) {
            count.addAndGet(n);
        }

        @Override
        public void dec(long n) {
            count.addAndGet(-n);
        }

        @Override
        public long getCount() {
            return count.get();
        }
    }

    @Override
    public RatisMetricRegistry create(MetricRegistryInfo info) {
        return registries.computeIfAbsent(info, Registry::new);
    }

    @Override
    public boolean remove(MetricRegistryInfo info) {
        return registries.remove(info) != null;
    }

    @Override
    public Optional<RatisMetricRegistry> get(MetricRegistryInfo info) {
        return Optional.ofNullable(registries.get(info));
    }

    @Override
    public Set<MetricRegistryInfo> getMetricRegistryInfos() {
        return Set.copyOf(registries.keySet());
    }

    @Override
    public Collection<RatisMetricRegistry> getMetricRegistries() {
        return List.copyOf(registries.values());
    }

    @Override
    public void clear() {
        registries.clear();
    }

    @Override
    public void addReporterRegistration(Consumer<RatisMetricRegistry> start, Consumer<RatisMetricRegistry> stop) {
        throw notHere();
    }

    @Override
    public void enableJmxReporter() {
        throw notHere();
    }

    @Override
    public void enableConsoleReporter(TimeDuration rate) {
        throw notHere();
    }

    private static UnsupportedOperationException notHere() {
        return new UnsupportedOperationException("what is measured is read from /metrics of the agents");
    }
}
