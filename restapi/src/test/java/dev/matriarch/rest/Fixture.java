package dev.matriarch.rest;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.PlannedRestart;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.TimelineHistory;
import dev.matriarch.dcs.Versioned;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeSet;

/** A snapshot that tests bend to their needs. Its lease, view and loop are fresh until one second after {@link #now}. */
final class Fixture {
    static final long OPTIME = 0x5400000;

    long now = 1_000;
    String state = "running";
    String role = "replica";
    boolean inRecovery = true;
    boolean answers = true;
    boolean lease;
    boolean view = true;
    boolean paused;
    boolean watchdogFailed;
    boolean standbyCluster;
    boolean sync;
    boolean quorum;
    long replayed = OPTIME;
    long received = OPTIME;
    String replicationState = "streaming";
    Map<String, Object> tags = Map.of();
    PlannedRestart plannedRestart;
    Snapshot.Failsafe failsafe = Snapshot.Failsafe.OFF;
    long upstreamEnd;
    long nextRun = 1_000_001_000L;

    static Fixture primary() {
        Fixture f = new Fixture();
        f.role = "primary";
        f.inRecovery = false;
        f.lease = true;
        f.replicationState = "";
        return f;
    }

    static Fixture replica() {
        return new Fixture();
    }

    Snapshot snapshot() {
        long fresh = now + 1_000_000_000L;
        return new Snapshot(
                "demo",
                "n2",
                "0.1.0",
                Optional.of("7400000000000000001"),
                state,
                role,
                answers ? Optional.of(postgres()) : Optional.empty(),
                sync,
                quorum,
                Snapshot.SynchronousMode.QUORUM,
                standbyCluster,
                paused,
                watchdogFailed,
                1 << 20,
                tags,
                Optional.of(cluster()),
                view ? OptionalLong.of(fresh) : OptionalLong.empty(),
                OptionalLong.of(1770113101),
                lease ? OptionalLong.of(fresh) : OptionalLong.empty(),
                nextRun,
                Duration.ofSeconds(5),
                Optional.ofNullable(plannedRestart),
                failsafe);
    }

    private Snapshot.Postgres postgres() {
        return new Snapshot.Postgres(
                inRecovery,
                150004,
                "2026-02-03 10:00:01.123+00:00",
                OptionalInt.of(4),
                inRecovery ? Lsn.INVALID : new Lsn(OPTIME),
                inRecovery ? new Lsn(received) : Lsn.INVALID,
                inRecovery ? new Lsn(replayed) : Lsn.INVALID,
                upstreamEnd == 0 ? Lsn.INVALID : new Lsn(upstreamEnd),
                Optional.empty(),
                false,
                replicationState.isEmpty() ? Optional.empty() : Optional.of(replicationState),
                inRecovery
                        ? List.of()
                        : List.of(new Snapshot.Sender("replicator", "n3", "10.0.0.3", "streaming", "quorum", 1)),
                Map.of("max_connections", "100->120"));
    }

    static ClusterView cluster() {
        return new ClusterView(
                9,
                Optional.empty(),
                Optional.empty(),
                Optional.of(new Leader("n1", 1)),
                List.of(
                        member("n3", "running", "replica", OPTIME - 100, Map.of("rack", 7)),
                        member("n1", "running", "primary", OPTIME, Map.of("clonefrom", true)),
                        member("n2", "running", "replica", OPTIME, Map.of())),
                new ClusterStatus(new Lsn(OPTIME), Map.of(), List.of()),
                Optional.of(new Versioned<>(
                        new FailoverRequest(
                                Optional.of("n1"),
                                Optional.of("n2"),
                                Optional.of(Instant.parse("2026-02-04T02:00:00Z"))),
                        3)),
                Optional.of(new TimelineHistory(List.of(
                        new TimelineHistory.Row(
                                1, new Lsn(100), "no recovery target", Optional.empty(), Optional.empty()),
                        new TimelineHistory.Row(
                                2,
                                new Lsn(200),
                                "no recovery target",
                                Optional.of("2026-02-03T10:00:00+00:00"),
                                Optional.of("n1"))))),
                Optional.of(new Versioned<>(new SyncState("n1", new TreeSet<>(List.of("n2")), 0), 4)),
                Map.of());
    }

    private static Member member(String name, String state, String role, long lsn, Map<String, Object> tags) {
        boolean replica = role.equals("replica");
        Optional<Lsn> position = Optional.of(new Lsn(lsn));
        return Member.named(name)
                .connUrl("postgres://10.0.0." + name.substring(1) + ":5432/postgres")
                .apiUrl("http://10.0.0." + name.substring(1) + ":8008/patroni")
                .state(state)
                .role(role)
                .version("0.1.0")
                .xlogLocation(position)
                .receiveLsn(replica ? position : Optional.empty())
                .replayLsn(replica ? position : Optional.empty())
                .replicationState(replica ? Optional.of("streaming") : Optional.empty())
                .timeline(4)
                .tags(tags)
                .build();
    }
}
