package dev.matriarch.bench;

import dev.matriarch.agent.ha.Divergence;
import dev.matriarch.agent.ha.Failsafe;
import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.agent.ha.Situation;
import dev.matriarch.agent.ha.SlotMemory;
import dev.matriarch.agent.ha.StandbyNames;
import dev.matriarch.agent.ha.Store;
import dev.matriarch.agent.ha.Survey;
import dev.matriarch.agent.ha.Tags;
import dev.matriarch.agent.ha.Upstream;
import dev.matriarch.agent.ha.WalFlow;
import dev.matriarch.agent.ha.Watchdog;
import dev.matriarch.agent.ha.Wishes;
import dev.matriarch.agent.ha.WritePath;
import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.SlotName;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineClaim;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.Versioned;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Builds what one member of a five-node cluster, {@code db-1} to {@code db-5}, observes: quorum commit with two standbys,
 * failsafe mode, the timeline check, slots everywhere and a history of three failovers, so that no duty is skipped.
 */
final class FiveNodes {
    private static final Set<String> ALL = new TreeSet<>(List.of("db-1", "db-2", "db-3", "db-4", "db-5"));
    private static final long NOW = 1_000_000_000_000L;
    private static final long MINUTE = 60_000_000_000L;
    private static final long EPOCH = 7;
    private static final int TIMELINE = 4;
    private static final int WAITED_FOR = 2;
    private static final Lsn HERE = Lsn.parse("3A/7F00C028");
    private static final String SYSTEM = "7400000000000000001";

    private final String me;
    private Optional<Leader> leader = Optional.empty();
    private Lease lease = new Lease.NotHeld();
    private LocalPostgres.Status postgres;
    private Optional<FailoverRequest> request = Optional.empty();
    private Optional<Survey> survey = Optional.empty();

    /** Begins as a streaming replica in a cluster that nobody leads. */
    FiveNodes(String me) {
        this.me = me;
        this.postgres = status(true, "");
    }

    FiveNodes ledBy(String name) {
        leader = Optional.of(new Leader(name, EPOCH));
        return this;
    }

    FiveNodes leasedPrimary() {
        return leased(status(false, standbyNames()));
    }

    FiveNodes leasedReplica() {
        return leased(status(true, standbyNames()));
    }

    private FiveNodes leased(LocalPostgres.Status value) {
        lease = new Lease.Held(EPOCH, NOW + Duration.ofSeconds(4).toNanos(), true);
        postgres = value;
        return this;
    }

    FiveNodes switchover(String candidate) {
        request = Optional.of(new FailoverRequest(Optional.of(me), Optional.of(candidate), Optional.empty()));
        return this;
    }

    /** All others have answered but those named. */
    FiveNodes survey(String... silent) {
        Set<String> dead = Set.of(silent);
        survey = Optional.of(new Survey(others(me).stream()
                .map(name -> dead.contains(name)
                        ? Survey.Answer.unreachable(name)
                        : new Survey.Answer(name, true, true, true, HERE, TIMELINE, false, 1))
                .toList()));
        return this;
    }

    Observation observation() {
        LocalPostgres local = new LocalPostgres(
                LocalPostgres.DataDirectory.VALID,
                Optional.of(SYSTEM),
                LocalPostgres.Process.RUNNING,
                Optional.empty(),
                Optional.of(postgres),
                "");
        return new Observation(
                NOW,
                Instant.parse("2026-01-01T00:00:00Z"),
                me,
                Tags.NONE,
                new Store.Known(view()),
                lease,
                local,
                settings(),
                situation(),
                Optional.empty(),
                survey,
                Optional.empty(),
                Watchdog.OFF);
    }

    private ClusterView view() {
        // Nobody holds the lock in a race, but the last leader's promise is still in the store.
        String promisedBy = leader.map(Leader::name).orElse("db-1");
        Set<String> voters = others(promisedBy);
        SyncState sync = new SyncState(promisedBy, new TreeSet<>(voters), voters.size() - WAITED_FOR);
        return new ClusterView(
                90_001,
                Optional.of(new Versioned<>(SYSTEM, 1)),
                Optional.of(new Versioned<>("{}", 2)),
                leader,
                ALL.stream()
                        .map(name -> member(name, name.equals(promisedBy) ? "primary" : "replica"))
                        .toList(),
                new ClusterStatus(
                        HERE, slotPositions(), List.of(), Optional.of(new TimelineClaim(TIMELINE + 1, EPOCH))),
                request.map(r -> new Versioned<>(r, 3)),
                Optional.of(history()),
                Optional.of(new Versioned<>(sync, 4)),
                failsafe());
    }

    private static Map<String, Lsn> slotPositions() {
        Map<String, Lsn> slots = new TreeMap<>();
        ALL.forEach(name -> slots.put(SlotName.of(name), HERE));
        return slots;
    }

    private static Map<String, String> failsafe() {
        Map<String, String> urls = new TreeMap<>();
        ALL.forEach(name -> urls.put(name, member(name, "replica").apiUrl()));
        return urls;
    }

    private static TimelineHistory history() {
        List<TimelineHistory.Row> rows = new ArrayList<>();
        for (int timeline = 1; timeline < TIMELINE; timeline++) {
            rows.add(new TimelineHistory.Row(
                    timeline,
                    new Lsn((long) timeline << 32),
                    "no recovery target specified",
                    Optional.of("2026-01-01T00:00:00+00:00"),
                    Optional.of("db-" + timeline)));
        }
        return new TimelineHistory(rows);
    }

    private static Member member(String name, String role) {
        String host = host(name);
        return Member.named(name)
                .connUrl("postgres://" + host + ":5432/postgres")
                .apiUrl("http://" + host + ":8008/patroni")
                .rpcAddress(host + ":8009")
                .role(role)
                .version("0.1.0")
                .xlogLocation(HERE)
                .replicationState(role.equals("primary") ? Optional.empty() : Optional.of("streaming"))
                .timeline(TIMELINE)
                .tags(Map.of("failover_priority", 1, "clonefrom", true))
                .build();
    }

    private static String host(String name) {
        return "10.0.0." + name.substring(3);
    }

    private static Set<String> others(String name) {
        Set<String> others = new TreeSet<>(ALL);
        others.remove(name);
        return others;
    }

    private String standbyNames() {
        return StandbyNames.of(WAITED_FOR, others(me)).setting();
    }

    private LocalPostgres.Status status(boolean inRecovery, String standbyNames) {
        return new LocalPostgres.Status(
                inRecovery,
                TIMELINE,
                HERE,
                inRecovery ? HERE : Lsn.INVALID,
                HERE,
                false,
                Optional.empty(),
                inRecovery,
                standbyNames,
                true,
                "on",
                inRecovery
                        ? List.of()
                        : others(me).stream().map(FiveNodes::sender).toList(),
                others(me).stream()
                        .map(name -> new LocalPostgres.Slot(SlotName.of(name), !inRecovery, HERE))
                        .toList(),
                150_000,
                "2026-01-01 00:00:00+00",
                Map.of());
    }

    private static LocalPostgres.Sender sender(String name) {
        return new LocalPostgres.Sender(name, "replicator", host(name), "streaming", "quorum", 1, HERE, HERE, HERE);
    }

    private static Settings settings() {
        return new Settings(
                Duration.ofSeconds(5),
                Duration.ofSeconds(1),
                Duration.ofSeconds(2),
                Duration.ofMillis(750),
                1_048_576,
                true,
                new Settings.Synchronous(Settings.Synchronous.Mode.QUORUM, false, WAITED_FOR, 0, ""),
                false,
                Duration.ofSeconds(300),
                true,
                true,
                true,
                true,
                0,
                Duration.ZERO,
                true,
                false);
    }

    /** After a minute of the same. */
    private Situation situation() {
        boolean primary = !postgres.inRecovery();
        Optional<Upstream> upstream = leader.map(Leader::name)
                .or(() -> Optional.of("db-1"))
                .filter(name -> !name.equals(me))
                .map(name -> new Upstream.Of(name, host(name), 5432));
        return new Situation(
                upstream,
                NOW - MINUTE,
                new Divergence.None(),
                EPOCH,
                false,
                false,
                OptionalLong.empty(),
                true,
                0,
                OptionalLong.empty(),
                OptionalLong.empty(),
                Optional.of(new Lsn(1)),
                false,
                Optional.empty(),
                OptionalLong.empty(),
                primary ? OptionalLong.of(NOW - MINUTE) : OptionalLong.empty(),
                lease instanceof Lease.Held ? OptionalLong.of(NOW - MINUTE) : OptionalLong.empty(),
                OptionalLong.empty(),
                OptionalLong.empty(),
                Set.copyOf(ALL),
                WalFlow.NONE,
                WritePath.unknown(),
                new Failsafe(failsafe(), Optional.empty(), NOW - MINUTE),
                Wishes.NONE,
                new SlotMemory(
                        slotPositions().keySet(),
                        Map.of(),
                        Map.of(),
                        OptionalLong.of(NOW - MINUTE),
                        OptionalLong.empty()),
                Situation.Lifecycle.NONE);
    }
}
