package dev.matriarch.rest;

import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;

/**
 * Decides the status code of a health check. Pure: the same path, query, snapshot and moment give the same code.
 *
 * <p>Load balancers depend on how a path is matched: by the words it contains, the first of the list below winning.
 */
final class HealthCheck {
    static final int YES = 200;
    static final int NO = 503;

    /** The names that have a meaning. */
    static final List<String> PATHS = List.of(
            "/",
            "/primary",
            "/read-write",
            "/master",
            "/leader",
            "/standby-leader",
            "/standby_leader",
            "/replica",
            "/read-only",
            "/sync",
            "/synchronous",
            "/quorum",
            "/async",
            "/asynchronous",
            "/read-only-sync",
            "/read-only-synchronous",
            "/read-only-quorum",
            "/health",
            "/liveness",
            "/readiness");

    private final Query query;
    private final Snapshot snapshot;
    private final long now;
    private final boolean viewIsFresh;

    private HealthCheck(Query query, Snapshot snapshot, long nowNanos) {
        this.query = query;
        this.snapshot = snapshot;
        this.now = nowNanos;
        this.viewIsFresh = snapshot.freshCluster(nowNanos).isPresent();
    }

    /**
     * @param path with its leading slash, without the query
     * @param nowNanos {@link System#nanoTime()} at the moment of the answer
     * @return 200 or 503
     */
    static int status(String path, Query query, Snapshot snapshot, long nowNanos) {
        return new HealthCheck(query, snapshot, nowNanos).decide(path.equals("/") ? "/primary" : path) ? YES : NO;
    }

    private boolean decide(String path) {
        if (path.equals("/liveness")) {
            return snapshot.paused() || snapshot.loopIsAlive(now);
        }
        if (path.equals("/readiness")) {
            return isReady();
        }
        if (path.contains("standby_leader") || path.contains("standby-leader")) {
            return isStandbyLeader();
        }
        if (path.contains("leader")) {
            return isLeader();
        }
        if (path.contains("master") || path.contains("primary") || path.contains("read-write")) {
            return isPrimary();
        }
        return isServing(path) && tagsMatch();
    }

    private boolean isServing(String path) {
        if (path.contains("replica")) {
            return isReplica();
        }
        if (path.contains("read-only") && !path.contains("sync") && !path.contains("quorum")) {
            return readsFromLeader() || isReplica();
        }
        if (path.contains("health")) {
            return snapshot.isRunning() && snapshot.loopIsAlive(now);
        }
        if (!viewIsFresh) {
            return false;
        }
        return switch (path) {
            case "/sync", "/synchronous" -> isReplica() && snapshot.syncStandby();
            case "/quorum" -> isReplica() && snapshot.quorumStandby();
            case "/async", "/asynchronous" -> isReplica() && !snapshot.syncStandby() && !snapshot.quorumStandby();
            case "/read-only-sync", "/read-only-synchronous" ->
                readsFromLeader() || isReplica() && snapshot.syncStandby();
            case "/read-only-quorum" -> readsFromLeader() || isReplica() && snapshot.quorumStandby();
            default -> false;
        };
    }

    private boolean isLeader() {
        if (inMaintenanceWithoutStore()) {
            return roleIs("primary") || roleIs("standby_leader");
        }
        return snapshot.holdsLease(now);
    }

    private boolean isPrimary() {
        if (inMaintenanceWithoutStore()) {
            return roleIs("primary");
        }
        return snapshot.holdsLease(now) && !snapshot.standbyCluster();
    }

    private boolean isStandbyLeader() {
        if (inMaintenanceWithoutStore()) {
            return roleIs("standby_leader");
        }
        return snapshot.holdsLease(now) && snapshot.standbyCluster() && (roleIs("replica") || roleIs("standby_leader"));
    }

    private boolean readsFromLeader() {
        return isPrimary() || isStandbyLeader();
    }

    /** Paused with the store out of reach: load balancers go on by what PostgreSQL itself is. */
    private boolean inMaintenanceWithoutStore() {
        return !viewIsFresh && snapshot.paused();
    }

    private boolean isReplica() {
        boolean leadsStandbyCluster = snapshot.standbyCluster() && snapshot.holdsLease(now);
        return roleIs("replica")
                && !leadsStandbyCluster
                && snapshot.isRunning()
                && snapshot.loopIsAlive(now)
                && !snapshot.flag("noloadbalance")
                && lagIsAtMost(query.get("lag").map(ByteSize::parse).orElse(OptionalLong.empty()), replayed())
                && query.get("replication_state").map(this::replicationStateIs).orElse(true);
    }

    private boolean isReady() {
        if (snapshot.holdsLease(now)) {
            return true;
        }
        if (!snapshot.isRunning() || !snapshot.loopIsAlive(now) || !replicationStateIs("streaming")) {
            return false;
        }
        if (leaderPosition().equals(Lsn.INVALID)) {
            return snapshot.failsafe().isActive(now);
        }
        OptionalLong asked = query.get("lag").map(ByteSize::parse).orElse(OptionalLong.empty());
        OptionalLong limit = asked.isPresent() ? asked : OptionalLong.of(snapshot.maximumLagOnFailover());
        boolean byWrite = query.get("mode").map("write"::equals).orElse(false);
        return lagIsAtMost(limit, byWrite ? received() : replayed());
    }

    private boolean lagIsAtMost(OptionalLong limit, Lsn position) {
        return limit.isEmpty() || leaderPosition().minus(position) <= limit.getAsLong();
    }

    private Lsn leaderPosition() {
        Lsn published = snapshot.freshCluster(now).map(c -> c.status().optime()).orElse(Lsn.INVALID);
        return Lsn.max(
                published, snapshot.postgres().map(Snapshot.Postgres::leaderEnd).orElse(Lsn.INVALID));
    }

    private Lsn replayed() {
        return snapshot.postgres().map(Snapshot.Postgres::replayed).orElse(Lsn.INVALID);
    }

    private Lsn received() {
        return snapshot.postgres().map(p -> Lsn.max(p.received(), p.replayed())).orElse(Lsn.INVALID);
    }

    private boolean replicationStateIs(String wanted) {
        return snapshot.postgres()
                .flatMap(Snapshot.Postgres::replicationState)
                .map(wanted::equals)
                .orElse(false);
    }

    private boolean roleIs(String role) {
        return snapshot.reportedRole().equals(role);
    }

    private boolean tagsMatch() {
        for (Map.Entry<String, String> wanted : query.parameters().entrySet()) {
            if (wanted.getKey().startsWith("tag_")) {
                Object tag = snapshot.tags().get(wanted.getKey().substring("tag_".length()));
                if (tag == null || !text(tag).equals(wanted.getValue())) {
                    return false;
                }
            }
        }
        return true;
    }

    private static String text(Object tag) {
        return tag instanceof String s ? s : tag.toString().toLowerCase(Locale.ROOT);
    }
}
