package dev.matriarch.rest;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Measure;
import io.prometheus.metrics.config.EscapingScheme;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;

/**
 * {@code /metrics}: Patroni's names, and ours. Made anew for each question from what is in memory.
 *
 * <p>Three of Patroni's are counters without {@code _total}, a name that the library gives to no counter: they are written
 * as gauges and named counters afterwards.
 */
final class Metrics {
    static final String CONTENT_TYPE = PrometheusTextFormatWriter.CONTENT_TYPE;

    private static final PrometheusTextFormatWriter WRITER = PrometheusTextFormatWriter.create();
    private static final List<String> OLD_COUNTERS =
            List.of("patroni_xlog_location", "patroni_xlog_received_location", "patroni_xlog_replayed_location");
    /** By their numbers. */
    private static final List<String> STATES = List.of(
            "initdb",
            "initdb_failed",
            "custom_bootstrap",
            "custom_bootstrap_failed",
            "creating_replica",
            "running",
            "starting",
            "bootstrap_starting",
            "start_failed",
            "restarting",
            "restart_failed",
            "stopping",
            "stopped",
            "stop_failed",
            "crashed");

    private static final Map<String, Integer> STATE_NUMBERS = Map.ofEntries(
            Map.entry("initializing new cluster", 0),
            Map.entry("initdb failed", 1),
            Map.entry("running custom bootstrap script", 2),
            Map.entry("custom bootstrap failed", 3),
            Map.entry("creating replica", 4),
            Map.entry("running", 5),
            Map.entry("starting", 6),
            Map.entry("starting after custom bootstrap", 7),
            Map.entry("start failed", 8),
            Map.entry("restarting", 9),
            Map.entry("restart failed", 10),
            Map.entry("stopping", 11),
            Map.entry("stopped", 12),
            Map.entry("stop failed", 13),
            Map.entry("crashed", 14));

    private final Snapshot snapshot;
    private final Vitals vitals;
    private final long now;
    private final double wallSeconds;
    private final Labels labels;
    private final MetricSnapshots.Builder all = MetricSnapshots.builder();

    private Metrics(Snapshot snapshot, Vitals vitals, long nowNanos, double wallSeconds) {
        this.snapshot = snapshot;
        this.vitals = vitals;
        this.now = nowNanos;
        this.wallSeconds = wallSeconds;
        this.labels = Labels.of("scope", snapshot.scope(), "name", snapshot.name());
    }

    /** @param wallSeconds since the epoch */
    static Reply reply(Snapshot snapshot, Vitals vitals, long nowNanos, double wallSeconds) {
        byte[] text = new Metrics(snapshot, vitals, nowNanos, wallSeconds).text();
        return new Reply(200, CONTENT_TYPE, text, Map.of());
    }

    private byte[] text() {
        patroni();
        agent();
        StoreMetrics.add(all, labels, vitals.store());
        String text = written(all.build());
        for (String name : OLD_COUNTERS) {
            text = text.replace("# TYPE " + name + " gauge\n", "# TYPE " + name + " counter\n");
        }
        StringBuilder states = new StringBuilder("# patroni_postgres_state:");
        for (int i = 0; i < STATES.size(); i++) {
            states.append(' ').append(STATES.get(i)).append('=').append(i);
        }
        return (text + states + " unknown=-1\n").getBytes(StandardCharsets.UTF_8);
    }

    /** Of a node that has a store and nothing else. For one thread. */
    static final class OfStore {
        private final Labels labels;
        private final MetricSnapshots.Builder all = MetricSnapshots.builder();

        OfStore(String scope, String name) {
            this.labels = Labels.of("scope", scope, "name", name);
        }

        void add(String name, String help, double value) {
            all.metricSnapshot(one(labels, name, help, value));
        }

        void add(List<Measure> measures) {
            StoreMetrics.add(all, labels, measures);
        }

        byte[] text() {
            return written(all.build()).getBytes(StandardCharsets.UTF_8);
        }
    }

    private static GaugeSnapshot one(Labels labels, String name, String help, double value) {
        return GaugeSnapshot.builder()
                .name(name)
                .help(help)
                .dataPoint(GaugeSnapshot.GaugeDataPointSnapshot.builder()
                        .labels(labels)
                        .value(value)
                        .build())
                .build();
    }

    private static String written(MetricSnapshots all) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(16_384);
        try {
            WRITER.write(out, all, EscapingScheme.UNDERSCORE_ESCAPING);
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory failed", e);
        }
        return out.toString(StandardCharsets.UTF_8);
    }

    private void gauge(String name, String help, double value) {
        all.metricSnapshot(one(labels, name, help, value));
    }

    private void flag(String name, String help, boolean value) {
        gauge(name, help, value ? 1 : 0);
    }

    private void counter(String name, String help, String label, Map<String, Long> values) {
        CounterSnapshot.Builder counter = CounterSnapshot.builder().name(name).help(help);
        new TreeMap<>(values)
                .forEach((key, value) -> counter.dataPoint(CounterSnapshot.CounterDataPointSnapshot.builder()
                        .labels(labels.add(label, key))
                        .value(value)
                        .build()));
        all.metricSnapshot(counter.build());
    }

    // --- Patroni's ---

    private void patroni() {
        var postgres = snapshot.postgres();
        boolean primary = postgres.map(p -> !p.inRecovery()).orElse(false);
        boolean standbyLeader = snapshot.reportedRole().equals("standby_leader");
        boolean replica = postgres.map(Snapshot.Postgres::inRecovery).orElse(false) && !standbyLeader;
        gauge("patroni_version", "Version of the agent, two digits for each part.", version(snapshot.version()));
        flag("patroni_postgres_running", "1 if PostgreSQL runs.", snapshot.isRunning());
        gauge(
                "patroni_postmaster_start_time",
                "Epoch seconds since which PostgreSQL has been running.",
                postgres.map(p -> PostgresTime.epochSeconds(p.startTime()).orElse(0))
                        .orElse(0.0));
        flag("patroni_primary", "1 if this server is a primary by its own word.", primary);
        gauge(
                "patroni_xlog_location",
                "Flushed WAL position of the primary; 0 on a replica.",
                position(Position.LOCATION));
        flag("patroni_standby_leader", "1 if this member leads a standby cluster.", standbyLeader);
        flag("patroni_replica", "1 if this server is a replica.", replica);
        flag("patroni_sync_standby", "1 if this member is a synchronous standby.", snapshot.syncStandby());
        flag("patroni_quorum_standby", "1 if this member is a voter of the quorum.", snapshot.quorumStandby());
        gauge("patroni_xlog_received_location", "WAL position received; 0 on a primary.", position(Position.RECEIVED));
        gauge("patroni_xlog_replayed_location", "WAL position replayed; 0 on a primary.", position(Position.REPLAYED));
        gauge(
                "patroni_xlog_replayed_timestamp",
                "Epoch seconds of the last transaction replayed; 0 if there is none.",
                postgres.flatMap(Snapshot.Postgres::replayTimestamp)
                        .map(t -> PostgresTime.epochSeconds(t).orElse(0))
                        .orElse(0.0));
        flag(
                "patroni_xlog_paused",
                "1 if replay is paused.",
                postgres.map(Snapshot.Postgres::replayPaused).orElse(false));
        flag("patroni_postgres_streaming", "1 if this replica streams.", replicationState("streaming"));
        flag(
                "patroni_postgres_in_archive_recovery",
                "1 if this replica reads WAL from the archive.",
                replicationState("in archive recovery"));
        gauge(
                "patroni_postgres_server_version",
                "Version of PostgreSQL as a number; 0 if it does not answer.",
                postgres.map(Snapshot.Postgres::serverVersion).orElse(0));
        flag(
                "patroni_cluster_unlocked",
                "1 if nobody holds the lock, or the store is out of reach.",
                snapshot.freshCluster(now).map(ClusterView::isUnlocked).orElse(true));
        flag(
                "patroni_failsafe_mode_is_active",
                "1 while a leader without the store stays because all others agree.",
                snapshot.failsafe().isActive(now));
        flag(
                "patroni_failsafe_mode_enabled",
                "1 if failsafe mode is enabled.",
                snapshot.failsafe().enabled());
        flag(
                "patroni_failsafe_member",
                "1 if failsafe mode is enabled and this member is listed.",
                snapshot.failsafe().enabled() && snapshot.failsafe().listed().containsKey(snapshot.name()));
        gauge(
                "patroni_postgres_timeline",
                "Timeline of PostgreSQL; 0 if it is not known.",
                postgres.map(p -> p.timeline().orElse(0)).orElse(0));
        gauge(
                "patroni_dcs_last_seen",
                "Epoch seconds of the last look at the store.",
                snapshot.dcsLastSeen().orElse(0));
        flag(
                "patroni_pending_restart",
                "1 if a parameter waits for a restart.",
                postgres.map(p -> !p.pendingRestart().isEmpty()).orElse(false));
        flag("patroni_is_paused", "1 if the cluster is paused.", snapshot.paused());
        gauge(
                "patroni_postgres_state",
                "State of PostgreSQL as a number.",
                STATE_NUMBERS.getOrDefault(snapshot.state(), -1));
        gauge("patroni_failover_priority", "0: this member is never promoted. More is preferred.", priority());
    }

    private enum Position {
        LOCATION,
        RECEIVED,
        REPLAYED
    }

    private double position(Position which) {
        return snapshot.postgres()
                .map(p -> switch (which) {
                    case LOCATION -> p.location();
                    case RECEIVED -> p.received();
                    case REPLAYED -> p.replayed();
                })
                .filter(l -> !l.equals(Lsn.INVALID))
                .map(l -> (double) l.value())
                .orElse(0.0);
    }

    private boolean replicationState(String wanted) {
        return snapshot.postgres()
                .flatMap(Snapshot.Postgres::replicationState)
                .filter(wanted::equals)
                .isPresent();
    }

    private int priority() {
        if (snapshot.tags().containsKey("nofailover")) {
            return snapshot.flag("nofailover") ? 0 : 1;
        }
        return snapshot.tags().get("failover_priority") instanceof Number n ? n.intValue() : 1;
    }

    /** {@code 4.1.4} is 40104. */
    static int version(String text) {
        String[] parts = text.replaceFirst("[^0-9.].*", "").split("\\.");
        int number = 0;
        for (int i = 0; i < 3; i++) {
            number = number * 100 + (i < parts.length && !parts[i].isEmpty() ? Integer.parseInt(parts[i]) % 100 : 0);
        }
        return number;
    }

    // --- ours ---

    private void agent() {
        OptionalLong deadline = snapshot.leaseDeadlineNanos();
        double left = deadline.isPresent() ? Math.max(0, (deadline.getAsLong() - now) / 1e9) : 0;
        flag("matriarch_lease_held", "1 while this member holds the leader lock.", snapshot.holdsLease(now));
        gauge("matriarch_lease_remaining_seconds", "Rest of the lease; 0 if it is not held.", left);
        gauge(
                "matriarch_lease_renewed_timestamp_seconds",
                "Epoch seconds of the last renewal of the lease that is held; 0 if none is.",
                snapshot.holdsLease(now) ? wallSeconds - (snapshot.ttl().toNanos() / 1e9 - left) : 0);
        gauge(
                "matriarch_heartbeat_late_seconds",
                "By how much the agent's heartbeat is late; 0 if it is not.",
                Math.max(0, (now - snapshot.nextRunNanos()) / 1e9));
        flag("matriarch_guard_armed", "1 if a living guard holds a deadline for PostgreSQL.", vitals.guarded());
        flag(
                "matriarch_watchdog_active",
                "1 if the kernel's watchdog is fed by renewals.",
                vitals.watchdog().equals("active"));
        flag("matriarch_watchdog_failed", "1 if a watchdog is required and cannot be used.", snapshot.watchdogFailed());
        counter("matriarch_decisions", "Decisions taken, by their names.", "decision", vitals.decisions());
        counter("matriarch_promotions", "Promotions begun here, by reason.", "reason", vitals.promotions());
        counter("matriarch_demotions", "Primaries stopped here, by reason.", "reason", vitals.demotions());
        if (!vitals.slots().isEmpty()) {
            GaugeSnapshot.Builder retained = GaugeSnapshot.builder()
                    .name("matriarch_slot_retained_bytes")
                    .help("WAL that a replication slot of this server holds back.");
            for (Vitals.Slot slot : vitals.slots()) {
                retained.dataPoint(GaugeSnapshot.GaugeDataPointSnapshot.builder()
                        .labels(labels.add("slot", slot.name()).add("active", Boolean.toString(slot.active())))
                        .value(slot.retained())
                        .build());
            }
            all.metricSnapshot(retained.build());
        }
    }
}
