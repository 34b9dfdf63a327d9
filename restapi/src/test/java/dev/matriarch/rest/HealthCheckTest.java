package dev.matriarch.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class HealthCheckTest {
    private static final List<String> PATHS =
            Stream.concat(HealthCheck.PATHS.stream(), Stream.of("/nonsense")).toList();

    private static final String PRIMARY =
            "/ /primary /read-write /master /leader /read-only /read-only-sync /read-only-synchronous /read-only-quorum"
                    + " /health /liveness /readiness";

    static Stream<Arguments> situations() {
        return Stream.of(
                situation("primary", Fixture.primary(), f -> {}, PRIMARY),
                situation(
                        "primary, noloadbalance counts for replicas only",
                        Fixture.primary(),
                        f -> f.tags = Map.of("noloadbalance", true),
                        PRIMARY),
                situation("primary without the lease", Fixture.primary(), f -> f.lease = false, "/health /liveness"),
                situation(
                        "lease held, PostgreSQL does not answer",
                        Fixture.primary(),
                        f -> {
                            f.answers = false;
                            f.state = "unknown";
                        },
                        PRIMARY.replace(" /health", "")),
                situation(
                        "replica",
                        Fixture.replica(),
                        f -> {},
                        "/replica /read-only /async /asynchronous /health" + " /liveness /readiness"),
                situation(
                        "replica in the quorum",
                        Fixture.replica(),
                        f -> f.quorum = true,
                        "/replica /read-only /quorum /read-only-quorum /health /liveness /readiness"),
                situation(
                        "synchronous replica",
                        Fixture.replica(),
                        f -> f.sync = true,
                        "/replica /read-only /sync /synchronous /read-only-sync /read-only-synchronous /health /liveness"
                                + " /readiness"),
                situation(
                        "replica, noloadbalance",
                        Fixture.replica(),
                        f -> f.tags = Map.of("noloadbalance", true),
                        "/health /liveness /readiness"),
                situation(
                        "replica far behind",
                        Fixture.replica(),
                        f -> f.replayed = 1,
                        "/replica /read-only /async /asynchronous /health /liveness"),
                situation(
                        "replica from the archive",
                        Fixture.replica(),
                        f -> f.replicationState = "in archive recovery",
                        "/replica /read-only /async /asynchronous /health /liveness"),
                situation(
                        "replica starting",
                        Fixture.replica(),
                        f -> {
                            f.state = "starting";
                            f.answers = false;
                        },
                        "/liveness"),
                situation(
                        "replica, store out of reach",
                        Fixture.replica(),
                        f -> f.view = false,
                        "/replica /read-only /health /liveness"),
                situation("replica, loop stuck", Fixture.replica(), f -> f.now += 12_000_000_000L, ""),
                situation(
                        "replica, loop stuck while paused",
                        Fixture.replica(),
                        f -> {
                            f.paused = true;
                            f.now += 12_000_000_000L;
                        },
                        "/liveness"),
                situation(
                        "primary, paused, store out of reach",
                        Fixture.primary(),
                        f -> {
                            f.view = false;
                            f.lease = false;
                            f.paused = true;
                        },
                        "/ /primary /read-write /master /leader /read-only /health /liveness"),
                situation(
                        "replica, paused, store out of reach",
                        Fixture.replica(),
                        f -> {
                            f.view = false;
                            f.paused = true;
                        },
                        "/replica /read-only /health /liveness"),
                situation(
                        "standby leader",
                        Fixture.replica(),
                        f -> {
                            f.role = "standby_leader";
                            f.standbyCluster = true;
                            f.lease = true;
                        },
                        "/leader /standby-leader /standby_leader /read-only /read-only-sync /read-only-synchronous"
                                + " /read-only-quorum /health /liveness /readiness"),
                situation(
                        "nothing yet",
                        Fixture.replica(),
                        f -> {
                            f.role = "uninitialized";
                            f.state = "initializing new cluster";
                            f.answers = false;
                        },
                        "/liveness"));
    }

    private static Arguments situation(String name, Fixture fixture, Consumer<Fixture> bend, String yes) {
        bend.accept(fixture);
        return Arguments.of(name, fixture, yes);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("situations")
    void everyPath(String name, Fixture fixture, String yes) {
        TreeSet<String> expected = new TreeSet<>(List.of(yes.split(" ")));
        expected.remove("");
        TreeSet<String> actual = new TreeSet<>();
        long now = fixture.now;
        Fixture taken = fixture;
        if (name.contains("stuck")) {
            // The observation was made before the loop got stuck: its view and lease are as old as it is.
            taken.now = 1_000;
        }
        Snapshot snapshot = taken.snapshot();
        for (String path : PATHS) {
            if (HealthCheck.status(path, Query.NONE, snapshot, now) == 200) {
                actual.add(path);
            }
        }
        assertEquals(expected, actual, name);
    }

    @Test
    void theLeaseEndsOnTheNanosecond() {
        Fixture f = Fixture.primary();
        Snapshot s = f.snapshot();
        long deadline = s.leaseDeadlineNanos().orElseThrow();
        assertEquals(200, HealthCheck.status("/primary", Query.NONE, s, deadline - 1));
        assertEquals(503, HealthCheck.status("/primary", Query.NONE, s, deadline));
        assertEquals(503, HealthCheck.status("/leader", Query.NONE, s, deadline));
        assertEquals(503, HealthCheck.status("/readiness", Query.NONE, s, deadline));
    }

    @Test
    void lagStateAndTagsAreAskedFor() {
        Fixture f = Fixture.replica();
        f.replayed = Fixture.OPTIME - 20_000;
        f.tags = Map.of("rack", 7, "clonefrom", true, "region", "EU west");
        assertEquals(503, status(f, "/replica", "lag=16kB"));
        assertEquals(200, status(f, "/replica", "lag=20kB"));
        assertEquals(503, status(f, "/replica", "lag=19999"));
        assertEquals(200, status(f, "/replica", "lag=nonsense"));
        assertEquals(200, status(f, "/replica", "replication_state=streaming"));
        assertEquals(503, status(f, "/replica", "replication_state=other"));
        assertEquals(200, status(f, "/replica", "tag_rack=7&tag_clonefrom=true&tag_region=EU%20west"));
        assertEquals(503, status(f, "/replica", "tag_rack=8"));
        assertEquals(503, status(f, "/health", "tag_unknown=1"));
        assertEquals(503, status(f, "/readiness", "lag=16kB"));
        assertEquals(200, status(f, "/readiness", "lag=16kB&mode=write"));
        assertEquals(200, status(Fixture.primary(), "/primary", "tag_unknown=1"));
    }

    @Test
    void readinessGoesByWhatTheUpstreamSaidAndByFailsafeMode() {
        Fixture f = Fixture.replica();
        f.view = false;
        assertEquals(503, status(f, "/readiness", ""));
        f.failsafe = new Snapshot.Failsafe(true, Map.of(), OptionalLong.of(f.now + 1));
        assertEquals(200, status(f, "/readiness", ""));
        f.failsafe = new Snapshot.Failsafe(true, Map.of(), OptionalLong.of(f.now));
        assertEquals(503, status(f, "/readiness", ""));
        f.failsafe = Snapshot.Failsafe.OFF;
        f.upstreamEnd = Fixture.OPTIME + 1000;
        assertEquals(200, status(f, "/readiness", ""));
        assertEquals(503, status(f, "/readiness", "lag=999"));
        assertEquals(503, status(f, "/replica", "lag=999"));
        assertEquals(200, status(f, "/replica", "lag=1000"));
    }

    private static int status(Fixture f, String path, String query) {
        return HealthCheck.status(path, Query.parse(query), f.snapshot(), f.now);
    }
}
