package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import java.time.Duration;
import java.util.Optional;

/** What the member that holds a freshly renewed lock does in a heartbeat. */
final class LeaderDuties {
    private final Observation seen;
    private final ClusterView view;
    private final Lease.Held lease;
    private final Settings settings;
    private final LocalPostgres pg;

    LeaderDuties(Observation seen, ClusterView view, Lease.Held lease) {
        this.seen = seen;
        this.view = view;
        this.lease = lease;
        this.settings = seen.settings();
        this.pg = seen.postgres();
    }

    Decision decide() {
        Optional<Decision> lost = NewCluster.startOver(seen, view).or(() -> LostData.step(seen, view, lease));
        if (lost.isPresent()) {
            return lost.get();
        }
        if (settings.standbyCluster().isPresent()) {
            return StuckPrimary.step(seen, view, lease)
                    .orElseGet(() -> new StandbyLeaderDuties(seen, view, lease).decide());
        }
        if (!settings.paused()) {
            Optional<Decision> watchdog = watchdog();
            if (watchdog.isPresent()) {
                return watchdog.get();
            }
        }
        if (pg.dataDirectory() == LocalPostgres.DataDirectory.EMPTY) {
            return withoutData();
        }
        Optional<Decision> stuck = StuckPrimary.step(seen, view, lease);
        if (stuck.isPresent()) {
            return stuck.get();
        }
        if (pg.isPrimary()) {
            return asPrimary(pg.status().orElseThrow());
        }
        Optional<Decision> promised = promisedToLeaveItAlone();
        if (promised.isPresent()) {
            return promised.get();
        }
        if (pg.isReplica()) {
            return settings.paused() && !isCandidate()
                    ? release("removed leader lock because postgres is not running as primary")
                    : promote(pg.status().orElseThrow());
        }
        return switch (pg.process()) {
            case STOPPED -> restartInPlace();
            case STARTING -> stillStarting();
            case RUNNING, STOPPING ->
                Decision.soon("PostgreSQL does not answer: " + pg.problem(), Duration.ofMillis(500));
        };
    }

    /** A promise given while the lock was being taken counts, and so does the list that was in force then. */
    private Optional<Decision> promisedToLeaveItAlone() {
        boolean shown = view.leader().map(l -> l.epoch() == lease.epoch()).orElse(false);
        if (settings.failsafeMode() && !shown) {
            return Optional.of(Decision.soon("the store does not show my lock here yet", Duration.ofMillis(20)));
        }
        Failsafe failsafe = seen.situation().failsafe();
        return failsafe.keepsFromLeading(view, seen)
                .map(this::release)
                .or(() -> failsafe.justStarted(view, seen).map(why -> Decision.soon(why, Duration.ofMillis(300))));
    }

    /** Nothing leads without a watchdog that it requires, and nothing becomes writable before it runs. */
    private Optional<Decision> watchdog() {
        boolean writing = pg.process() != LocalPostgres.Process.STOPPED && !pg.isReplica();
        if (seen.watchdog().failed()) {
            return Optional.of(
                    writing
                            ? new Decision.Stop(
                                    Decision.StopMode.IMMEDIATE,
                                    true,
                                    "Demoting self because watchdog could not be activated: "
                                            + seen.watchdog().why())
                            : release("Not promoting self because watchdog could not be activated: "
                                    + seen.watchdog().why()));
        }
        boolean needed = seen.watchdog().state() == Watchdog.State.READY
                && pg.dataDirectory() == LocalPostgres.DataDirectory.VALID
                && !seen.situation().steppingDown();
        return needed ? Optional.of(new Decision.ActivateWatchdog("activating the watchdog")) : Optional.empty();
    }

    private boolean isCandidate() {
        return view.pendingFailover()
                .flatMap(f -> f.value().candidate())
                .map(seen.me()::equals)
                .orElse(false);
    }

    private Decision release(String because) {
        return new Decision.ReleaseLease(lease.epoch(), pg.status().map(LocalPostgres.Status::position), because);
    }

    /** The lock was taken to create the cluster. */
    private Decision withoutData() {
        if (view.initialize().isEmpty()) {
            return new Decision.WriteInitialize("", Expected.absent(), "claiming the right to create the cluster");
        }
        long claimed = view.initialize().get().revision();
        if (NewCluster.isBegun(view) && claimed < lease.epoch()) {
            // Of a holder before: what it wrote about the cluster it created may still be under way. It finds another
            // claim.
            return new Decision.WriteInitialize(
                    "", Expected.revision(claimed), "taking over the right to create the cluster");
        }
        return retryDue()
                ? new Decision.Bootstrap("trying to bootstrap a new cluster")
                : Decision.idle("bootstrap failed, trying again later");
    }

    private boolean retryDue() {
        return seen.situation().retryAt().isEmpty()
                || seen.situation().retryAt().getAsLong() - seen.now() <= 0;
    }

    private Decision restartInPlace() {
        Situation situation = seen.situation();
        if (situation.steppingDown()) {
            return new Decision.ReleaseLease(
                    lease.epoch(),
                    // After an immediate stop the last checkpoint is long past.
                    pg.control().filter(c -> c.state().equals("shut down")).map(LocalPostgres.ControlFile::checkpoint),
                    "handing the lock over: PostgreSQL has stopped");
        }
        if (settings.paused()) {
            return release("removed leader lock because postgres is not running");
        }
        if (situation.failedStarts() >= 2 || settings.primaryStartTimeout().isZero() && situation.failedStarts() > 0) {
            return release("removed leader key after trying and failing to start postgres");
        }
        boolean late = situation.lifecycle().downSince().isPresent()
                && seen.now() - situation.lifecycle().downSince().getAsLong()
                        >= settings.primaryStartTimeout().toNanos();
        if (late) {
            switch (FailoverPossible.of(seen, view, Optional.empty())) {
                case FailoverPossible.Answer.Ask ask -> {
                    return new Decision.AskPeers(ask.members(), "PostgreSQL has crashed: could another lead?");
                }
                case FailoverPossible.Answer.Yes yes -> {
                    return new Decision.ReleaseLease(
                            lease.epoch(), Optional.empty(), "stopped PostgreSQL to fail over after a crash");
                }
                case FailoverPossible.Answer.No no -> {}
            }
        }
        boolean wasStandby =
                pg.control().map(LocalPostgres.ControlFile::wasStandby).orElse(false);
        return wasStandby
                ? new Decision.StartReplica(
                        new Upstream.Nobody(), "starting as readonly because i had the session lock")
                : new Decision.StartPrimary(
                        Synchronization.settingAtStart(settings, view.sync()), "starting primary after failure");
    }

    /** Within {@code primary_start_timeout} a leader is waited for; after it only if nobody else could lead. */
    Decision stillStarting() {
        if (settings.paused()) {
            return failoverRequest().orElse(Decision.soon("PostgreSQL is still starting up", Duration.ofMillis(200)));
        }
        long since = seen.situation()
                .lifecycle()
                .downSince()
                .orElse(seen.situation().startingSince().orElse(seen.now()));
        Duration limit = seen.situation().wishes().startTimeout().orElse(settings.primaryStartTimeout());
        long left = limit.toNanos() - (seen.now() - since);
        // A restart that an operator asked for is no crash.
        boolean planned = limit.isZero()
                && seen.task().map(t -> t.kind() == Task.Kind.RESTART).orElse(false);
        if (left > 0 || planned) {
            return failoverRequest()
                    .orElse(Decision.soon(
                            "PostgreSQL is still starting up, " + Math.max(0, left / 1_000_000_000)
                                    + " seconds until timeout",
                            Duration.ofMillis(200)));
        }
        return switch (FailoverPossible.of(seen, view, Optional.empty())) {
            case FailoverPossible.Answer.Ask ask ->
                new Decision.AskPeers(ask.members(), "primary start has timed out: could another lead?");
            case FailoverPossible.Answer.Yes yes ->
                new Decision.Stop(Decision.StopMode.IMMEDIATE, true, "stopped PostgreSQL because of startup timeout");
            case FailoverPossible.Answer.No no ->
                Decision.soon(
                        "primary start has timed out, but continuing to wait because failover is not possible",
                        settings.loopWait());
        };
    }

    private Decision promote(LocalPostgres.Status status) {
        Optional<Decision> raceIsOver = RequestedChange.raceIsOver(seen, view);
        if (raceIsOver.isPresent()) {
            return raceIsOver.get();
        }
        if (seen.situation().failedStarts() >= 3) {
            return release("released the lock: promotion failed three times");
        }
        if (!retryDue()) {
            return Decision.soon("waiting before another attempt to promote", Duration.ofMillis(200));
        }
        Optional<Decision> first = new Synchronization(seen, view, status).beforePromotion();
        if (first.isPresent()) {
            return first.get();
        }
        return prePromote()
                .or(() -> NewTimeline.claim(view, lease, status))
                .orElseGet(() -> new Decision.Promote(
                        new SlotPolicy(seen, view, status).membersToServe(),
                        NewTimeline.claimed(view, status),
                        "promoted self to leader by acquiring session lock"));
    }

    /** The operator's script has the last word, once for each time the lock is taken. */
    private Optional<Decision> prePromote() {
        Situation.Lifecycle lifecycle = seen.situation().lifecycle();
        if (!settings.prePromote()) {
            return Optional.empty();
        }
        if (lifecycle.prePromoteEpoch() != lease.epoch()) {
            return Optional.of(new Decision.PrePromote(lease.epoch(), "asking the pre-promote script"));
        }
        if (lifecycle.prePromotePassed()) {
            return Optional.empty();
        }
        // A request that names this member would keep all others from leading.
        return isCandidate()
                ? Optional.of(forget("Promotion cancelled because the pre-promote script failed"))
                : Optional.of(new Decision.ReleaseLease(
                        lease.epoch(), Optional.empty(), "Promotion cancelled because the pre-promote script failed"));
    }

    private Decision asPrimary(LocalPostgres.Status status) {
        Optional<Decision> step = repairStore()
                .or(() -> Failsafe.keepList(seen, view))
                .or(this::failoverRequest)
                .or(() -> new Synchronization(seen, view, status).next())
                .or(() -> history(status))
                .or(() -> new SlotPolicy(seen, view, status).step())
                .or(() -> ScheduledRestart.step(seen));
        return step.orElseGet(() -> {
            String awaited = RequestedChange.awaited(seen, view);
            return Decision.idle("no action. I am (" + seen.me() + "), the leader with the lock"
                    + (awaited.isEmpty() ? "" : ". " + awaited));
        });
    }

    private Optional<Decision> repairStore() {
        String identifier = pg.systemIdentifier().orElse("");
        if (!identifier.isEmpty()
                && view.initialize().map(i -> i.value().isEmpty()).orElse(true)) {
            if (view.initialize().isPresent() && !seen.situation().bootstrapped() && retryDue()) {
                return Optional.of(new Decision.Bootstrap("finishing the creation of the cluster"));
            }
            Expected expected =
                    view.initialize().map(i -> Expected.revision(i.revision())).orElse(Expected.absent());
            return Optional.of(new Decision.WriteInitialize(
                    identifier,
                    expected,
                    seen.situation().bootstrapped() ? "initialized a new cluster" : "repaired the initialize key"));
        }
        return view.config().isEmpty()
                ? Optional.of(new Decision.WriteConfig("the store holds no configuration, writing the one known here"))
                : Optional.empty();
    }

    private Optional<Decision> failoverRequest() {
        return RequestedChange.step(seen, view);
    }

    private Decision forget(String because) {
        return new Decision.WriteFailover(
                Optional.empty(), view.pendingFailover().orElseThrow().revision(), because);
    }

    private Optional<Decision> history(LocalPostgres.Status status) {
        boolean known = view.history()
                .map(h -> h.currentTimeline() == status.timeline())
                .orElse(false);
        boolean first = view.history().isEmpty() && status.timeline() == 1;
        return known || first || status.timeline() == 0
                ? Optional.empty()
                : Optional.of(
                        new Decision.WriteHistory(status.timeline(), "timeline " + status.timeline() + " has begun"));
    }
}
