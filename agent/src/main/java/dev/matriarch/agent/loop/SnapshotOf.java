package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.Lease;
import dev.matriarch.agent.ha.LocalPostgres;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.Settings;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.dcs.Versioned;
import dev.matriarch.rest.Snapshot;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** Translates an observation into what the REST door answers from. */
final class SnapshotOf {
    private SnapshotOf() {}

    static Snapshot observation(
            Observation seen,
            String state,
            SettingsSource settings,
            Optional<ClusterView> view,
            OptionalLong viewNanos,
            OptionalLong viewSeconds,
            OptionalLong leaseDeadline) {
        var config = settings.local();
        var inForce = settings.current().settings();
        boolean hasArchive = !settings.current()
                .parameters()
                .getOrDefault("restore_command", "")
                .isEmpty();
        boolean voter = !inForce.synchronous().isOff()
                && view.flatMap(ClusterView::sync)
                        .map(Versioned::value)
                        .map(s -> s.voters().stream().anyMatch(seen.me()::equalsIgnoreCase))
                        .orElse(false);
        return new Snapshot(
                config.scope(),
                config.name(),
                Version.TEXT,
                seen.postgres().systemIdentifier(),
                state,
                MemberRecord.role(
                        seen.postgres(),
                        leaseDeadline.isPresent() && inForce.standbyCluster().isPresent()),
                seen.postgres().status().map(status -> postgres(status, hasArchive)),
                voter && inForce.synchronous().mode() == Settings.Synchronous.Mode.ON,
                voter && inForce.synchronous().mode() == Settings.Synchronous.Mode.QUORUM,
                switch (inForce.synchronous().mode()) {
                    case OFF -> Snapshot.SynchronousMode.OFF;
                    case ON -> Snapshot.SynchronousMode.ON;
                    case QUORUM -> Snapshot.SynchronousMode.QUORUM;
                },
                inForce.standbyCluster().isPresent(),
                inForce.paused(),
                seen.watchdog().failed(),
                inForce.maximumLagOnFailover(),
                config.tags(),
                view,
                viewNanos.isPresent()
                        ? OptionalLong.of(viewNanos.getAsLong() + inForce.ttl().toNanos())
                        : viewNanos,
                viewSeconds,
                leaseDeadline,
                seen.now() + inForce.loopWait().toNanos(),
                inForce.ttl(),
                seen.situation().wishes().restart().map(MemberRecord::planned),
                new Snapshot.Failsafe(
                        inForce.failsafeMode(), seen.situation().failsafe().listed(), failsafeUntil(seen)));
    }

    /** A leader's own lease, once it was extended by the others' promises; else this member's promise. */
    private static OptionalLong failsafeUntil(Observation seen) {
        if (seen.lease() instanceof Lease.Held held && held.byPromise()) {
            return OptionalLong.of(held.deadline());
        }
        return seen.situation()
                .failsafe()
                .promise()
                .map(promise -> OptionalLong.of(promise.until()))
                .orElse(OptionalLong.empty());
    }

    private static Snapshot.Postgres postgres(LocalPostgres.Status status, boolean hasArchive) {
        boolean replica = status.inRecovery();
        return new Snapshot.Postgres(
                replica,
                status.serverVersion(),
                status.postmasterStartTime(),
                status.timeline() > 0 ? OptionalInt.of(status.timeline()) : OptionalInt.empty(),
                replica ? Lsn.INVALID : status.position(),
                replica ? status.received() : Lsn.INVALID,
                replica ? status.replayed() : Lsn.INVALID,
                replica ? status.upstreamEnd().orElse(Lsn.INVALID) : Lsn.INVALID,
                status.replayTimestamp(),
                status.replayPaused(),
                MemberRecord.replicationState(status, hasArchive),
                status.senders().stream()
                        .map(s -> new Snapshot.Sender(
                                s.user(),
                                s.applicationName(),
                                s.clientAddress(),
                                s.state(),
                                s.syncState(),
                                s.syncPriority()))
                        .toList(),
                status.pendingRestart());
    }
}
