package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Leader;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.dcs.Versioned;
import java.time.Duration;
import java.util.Optional;

/**
 * What the member that holds a freshly renewed lock does in a heartbeat while the cluster follows another one: it follows
 * that one, and is never a primary.
 */
final class StandbyLeaderDuties {
    private static final Duration STREAMING_PATIENCE = Duration.ofSeconds(3);

    private final Observation seen;
    private final ClusterView view;
    private final Lease.Held lease;
    private final Settings settings;
    private final Situation situation;
    private final LocalPostgres pg;
    private final Upstream.Remote remote;

    StandbyLeaderDuties(Observation seen, ClusterView view, Lease.Held lease) {
        this.seen = seen;
        this.view = view;
        this.lease = lease;
        this.settings = seen.settings();
        this.situation = seen.situation();
        this.pg = seen.postgres();
        this.remote = settings.standbyCluster().orElseThrow().upstream();
    }

    Decision decide() {
        if (pg.dataDirectory() == LocalPostgres.DataDirectory.EMPTY) {
            return withoutData();
        }
        if (pg.isPrimary()) {
            return settings.paused()
                    ? Decision.idle("continue to run as primary in a standby cluster: the cluster is paused")
                    : new Decision.Stop(
                            Decision.StopMode.GRACEFUL,
                            false,
                            "cannot be a real primary in standby cluster: demoting myself to a standby leader");
        }
        if (pg.isReplica()) {
            return following(pg.status().orElseThrow());
        }
        return switch (pg.process()) {
            case STOPPED -> start();
            case STARTING -> Decision.soon("PostgreSQL is still starting up", Duration.ofMillis(200));
            case RUNNING, STOPPING ->
                Decision.soon("PostgreSQL does not answer: " + pg.problem(), Duration.ofMillis(500));
        };
    }

    private boolean retryDue() {
        return situation.retryAt().isEmpty() || situation.retryAt().getAsLong() - seen.now() <= 0;
    }

    private Decision withoutData() {
        if (view.initialize().isEmpty()) {
            return new Decision.WriteInitialize("", Expected.absent(), "claiming the right to create the cluster");
        }
        if (remote.host().isEmpty() && !settings.standbyFromArchive()) {
            return Decision.idle("cannot create a standby leader: standby_cluster names no host to clone from, and no"
                    + " method in create_replica_methods works without one (no_leader). Give it either, or put a copy"
                    + " of the remote cluster into the data directory");
        }
        return retryDue()
                ? new Decision.CloneRemote(remote, "trying to bootstrap a standby leader from " + remote.words())
                : Decision.soon("bootstrap failed, trying again later", Duration.ofMillis(500));
    }

    private Decision start() {
        if (situation.steppingDown()) {
            return new Decision.ReleaseLease(
                    lease.epoch(), Optional.empty(), "handing the lock over: PostgreSQL has stopped");
        }
        if (settings.paused()) {
            return new Decision.ReleaseLease(
                    lease.epoch(), Optional.empty(), "removed leader lock because postgres is not running");
        }
        if (situation.failedStarts() >= 2) {
            return new Decision.ReleaseLease(
                    lease.epoch(), Optional.empty(), "removed leader key after trying and failing to start postgres");
        }
        if (!retryDue()) {
            return Decision.soon("waiting before another attempt to start", Duration.ofMillis(200));
        }
        boolean crashed = settings.usePgRewind()
                && !situation.lifecycle().crashRecoveryTried()
                && pg.control().map(LocalPostgres.ControlFile::crashedAsPrimary).orElse(false);
        if (crashed) {
            return new Decision.CrashRecovery("doing crash recovery in a single user mode");
        }
        return situation.divergenceAgainst(lease.epoch()) instanceof Divergence.Found found
                ? cured(found)
                : new Decision.StartReplica(remote, "starting as a standby leader because i had the session lock");
    }

    private Decision following(LocalPostgres.Status status) {
        return known().or(() -> Failsafe.keepList(seen, view))
                .or(() -> RequestedChange.step(seen, view))
                .or(this::follow)
                .or(() -> stranded(status))
                .or(() -> forgetSynchronous(status))
                .or(() -> new SlotPolicy(seen, view, status).step())
                .or(() -> ScheduledRestart.step(seen))
                .orElseGet(() -> {
                    String awaited = RequestedChange.awaited(seen, view);
                    return Decision.idle("no action. I am (" + seen.me() + "), the standby leader with the lock"
                            + (awaited.isEmpty() ? "" : ". " + awaited));
                });
    }

    private Optional<Decision> known() {
        String identifier = pg.systemIdentifier().orElse("");
        if (!identifier.isEmpty()
                && view.initialize().map(i -> i.value().isEmpty()).orElse(true)) {
            return Optional.of(new Decision.WriteInitialize(
                    identifier,
                    view.initialize().map(i -> Expected.revision(i.revision())).orElse(Expected.absent()),
                    "initialized a new standby cluster"));
        }
        return view.config().isEmpty()
                ? Optional.of(new Decision.WriteConfig("the store holds no configuration, writing the one known here"))
                : Optional.empty();
    }

    private Optional<Decision> follow() {
        if (situation.following().equals(Optional.of(remote))) {
            return Optional.empty();
        }
        boolean already = situation.following().orElse(null) instanceof Upstream.Remote;
        return Optional.of(new Decision.Follow(
                remote,
                already
                        ? "following " + remote.words()
                        : "promoted self to a standby leader by acquiring session lock: following " + remote.words()));
    }

    /** A standby leader that does not get to stream may be on a branch that the remote cluster left. */
    private Optional<Decision> stranded(LocalPostgres.Status status) {
        boolean patient = seen.now() - situation.followingSince() < STREAMING_PATIENCE.toNanos();
        Optional<Upstream.Of> server = StandbyCluster.toCompareWith(settings, seen.now());
        if (server.isEmpty() || status.streaming() || patient || !retryDue() || settings.paused()) {
            return Optional.empty();
        }
        return switch (situation.divergenceAgainst(lease.epoch())) {
            case Divergence.Unchecked unchecked ->
                Optional.of(new Decision.CheckDivergence(
                        server.get(),
                        lease.epoch(),
                        "not streaming: was my history left behind by "
                                + server.get().member() + "?"));
            case Divergence.None none -> Optional.empty();
            case Divergence.Found found -> Optional.of(cured(found));
        };
    }

    /** By a rewind only: a leader's data is not given up for what a server of others says. */
    private Decision cured(Divergence.Found found) {
        Optional<Upstream.Of> server = StandbyCluster.toCompareWith(settings, seen.now());
        boolean rewindable = server.isPresent()
                && found.rewindable()
                && settings.usePgRewind()
                && pg.control().map(LocalPostgres.ControlFile::rewindable).orElse(true)
                && !situation.rewindFailed();
        if (!rewindable) {
            return Decision.idle("this data directory has diverged from " + remote.words() + " (" + found.reason()
                    + ") and cannot be rewound; nothing is removed. Correct standby_cluster, or release the lock with"
                    + " a switchover and reinit this member");
        }
        return pg.process() == LocalPostgres.Process.STOPPED
                ? new Decision.Rewind(
                        server.get(), "running pg_rewind from " + server.get().member() + ": " + found.reason())
                : new Decision.Stop(Decision.StopMode.FAST, false, "stopping to rewind: " + found.reason());
    }

    /**
     * Nobody is waited for where nothing commits. Who may lead stays restricted to those who have every commit of this
     * cluster's own past until the remote cluster has proved to have them too, by going on from there.
     */
    private Optional<Decision> forgetSynchronous(LocalPostgres.Status status) {
        Optional<Versioned<SyncState>> sync =
                view.sync().filter(s -> !s.value().leader().isEmpty());
        boolean proved = status.streaming() || remote.host().isEmpty();
        boolean mine = view.leader().map(Leader::name).filter(seen.me()::equals).isPresent();
        return sync.isPresent() && proved && mine
                ? Optional.of(new Decision.WriteSync(
                        Optional.empty(),
                        Expected.revision(sync.get().revision()),
                        "a standby cluster has no synchronous standbys"))
                : Optional.empty();
    }
}
