package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Order;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Versioned;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** Counts decisions, and with what reason this member became or ceased to be a primary. Read by any thread. */
final class Tally implements Heartbeat.Recorder {
    private final Map<String, LongAdder> decisions = new ConcurrentHashMap<>();
    private final Map<String, LongAdder> promotions = new ConcurrentHashMap<>();
    private final Map<String, LongAdder> demotions = new ConcurrentHashMap<>();

    @Override
    public void record(int step, Observation seen, Decision decided) {
        count(decisions, name(decided));
        switch (decided) {
            case Decision.Promote promote -> count(promotions, whyPromoted(seen));
            case Decision.Stop stop when seen.postgres().isPrimary() -> count(demotions, whyStopped(seen, stop));
            default -> {}
        }
    }

    /** The names are few: labels that grow with what happens would be a leak in whatever reads them. */
    private static String whyPromoted(Observation seen) {
        return seen.view()
                .flatMap(ClusterView::pendingFailover)
                .map(Versioned::value)
                .map(request -> request.isSwitchover() ? "switchover" : "requested")
                .orElse("failover");
    }

    private static String whyStopped(Observation seen, Decision.Stop stop) {
        if (seen.order().filter(Order.Shutdown.class::isInstance).isPresent()) {
            return "shutdown";
        }
        if (stop.handOver()) {
            return "handover";
        }
        return seen.holdsLease() ? "lease_ending" : "no_lock";
    }

    /** {@code renew_lease} for RenewLease. */
    private static String name(Decision decided) {
        return decided.getClass()
                .getSimpleName()
                .replaceAll("(?<=.)([A-Z])", "_$1")
                .toLowerCase(java.util.Locale.ROOT);
    }

    private static void count(Map<String, LongAdder> counts, String key) {
        counts.computeIfAbsent(key, k -> new LongAdder()).increment();
    }

    Map<String, Long> decisions() {
        return sums(decisions);
    }

    Map<String, Long> promotions() {
        return sums(promotions);
    }

    Map<String, Long> demotions() {
        return sums(demotions);
    }

    private static Map<String, Long> sums(Map<String, LongAdder> counts) {
        Map<String, Long> sums = new TreeMap<>();
        counts.forEach((key, count) -> sums.put(key, count.sum()));
        return sums;
    }
}
