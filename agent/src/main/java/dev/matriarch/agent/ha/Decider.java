package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Leader;
import java.time.Duration;
import java.util.Optional;

/**
 * The whole decision: one observation in, the next thing to do out.
 *
 * <p>Within a heartbeat it is asked again after each short step, until it answers with a long action or a wait.
 */
public final class Decider {
    private static final Duration SOON = Duration.ofMillis(300);

    private Decider() {}

    /** Pure: equal observations give equal decisions. */
    public static Decision decide(Observation seen) {
        Optional<Decision> fence = fence(seen);
        if (fence.isPresent()) {
            return fence.get();
        }
        Optional<ClusterView> view = seen.view();
        if (view.isEmpty()) {
            return withoutStore(seen, ((Store.Unreachable) seen.store()).why());
        }
        return Schedule.upTo(
                seen,
                view,
                withStore(seen, seen.situation().failsafe().seenThrough(view.get(), seen.me(), seen.now())));
    }

    /** A lease that is about to end fences the primary, whatever else goes on. */
    private static Optional<Decision> fence(Observation seen) {
        boolean paused = seen.settings().paused();
        if (paused || !(seen.lease() instanceof Lease.Held held)) {
            return Optional.empty();
        }
        long left = held.deadline() - seen.now();
        boolean ending = left <= seen.settings().safetyMargin().toNanos();
        boolean stopping = seen.task().map(t -> t.kind() == Task.Kind.STOP_NOW).orElse(false);
        boolean alive = seen.postgres().process() != LocalPostgres.Process.STOPPED;
        boolean mayWrite = alive && !seen.postgres().isReplica();
        return ending && mayWrite && !stopping
                ? Optional.of(new Decision.Stop(
                        Decision.StopMode.IMMEDIATE,
                        false,
                        "demoted self because the lease runs out and could not be renewed"))
                : Optional.empty();
    }

    private static Decision withoutStore(Observation seen, String why) {
        LocalPostgres pg = seen.postgres();
        Settings settings = seen.settings();
        if (seen.order().filter(Order.Shutdown.class::isInstance).isPresent()) {
            return shutDown(seen, Optional.empty());
        }
        if (settings.paused()) {
            return Decision.soon("DCS is not accessible: " + why, SOON);
        }
        if (seen.lease() instanceof Lease.Held held) {
            long left = held.deadline() - seen.now();
            if (left > settings.safetyMargin().toNanos()) {
                // Nothing can write where nothing is a primary.
                Optional<Decision> failsafe = settings.standbyCluster().isPresent()
                        ? Optional.empty()
                        : seen.situation().failsafe().withoutStore(seen, held);
                if (failsafe.isPresent()) {
                    return failsafe.get();
                }
                return Decision.soon(
                        "DCS is not accessible, the lease holds for another " + left / 1_000_000 + " ms: " + why,
                        Duration.ofMillis(100));
            }
        }
        if (seen.task().isPresent()) {
            return Decision.soon(seen.task().get().kind().words() + "; DCS is not accessible: " + why, SOON);
        }
        if (pg.isPrimary() && !seen.situation().guarded()) {
            return new Decision.Stop(
                    Decision.StopMode.IMMEDIATE,
                    false,
                    "demoted self because DCS is not accessible and I was a leader");
        }
        if (pg.isPrimary()) {
            return Decision.soon("DCS is not accessible; the guard holds the deadline of my last lease: " + why, SOON);
        }
        // A store that is only about to answer says whom to follow: coming up without it would have to be undone.
        boolean lostForLong = seen.situation().storeLostSince().isPresent()
                && seen.now() - seen.situation().storeLostSince().getAsLong()
                        > settings.ttl().multipliedBy(2).toNanos();
        boolean canServeReads = lostForLong
                && pg.process() == LocalPostgres.Process.STOPPED
                && pg.dataDirectory() == LocalPostgres.DataDirectory.VALID
                && (seen.situation().retryAt().isEmpty()
                        || seen.situation().retryAt().getAsLong() <= seen.now());
        return canServeReads
                ? new Decision.StartReplica(new Upstream.Nobody(), "DCS is not accessible, starting read-only: " + why)
                : Decision.soon("DCS is not accessible: " + why, SOON);
    }

    private static Decision withStore(Observation seen, ClusterView view) {
        Optional<Decision> data = new OwnData(seen, view).step();
        if (data.isPresent()) {
            return data.get();
        }
        Optional<Decision> lock = keepLock(seen, view);
        if (lock.isPresent()) {
            return lock.get();
        }
        if (seen.task().isPresent()) {
            boolean ending =
                    seen.order().filter(Order.Shutdown.class::isInstance).isPresent();
            Optional<Decision> lost = lostWhileBusy(seen, seen.task().get())
                    .or(() -> NewCluster.whileBusy(seen, view, seen.task().get()));
            return lost.isPresent()
                    ? lost.get()
                    : ending
                            ? shutDown(seen, Optional.of(view))
                            : busy(seen, view, seen.task().get());
        }
        Optional<Decision> failed = NewCluster.failed(seen, view);
        if (failed.isPresent()) {
            return failed.get();
        }
        if (seen.order().isPresent()) {
            Optional<Decision> obeyed = PoliteLeave.step(seen, view)
                    .or(() -> obey(seen, view, seen.order().get()));
            if (obeyed.isPresent()) {
                return obeyed.get();
            }
        }
        if (seen.lease() instanceof Lease.Held held) {
            return new LeaderDuties(seen, view, held).decide();
        }
        if (view.leader().isPresent()) {
            Leader leader = view.leader().get();
            return leader.name().equals(seen.me())
                    ? Decision.soon("my lock could not be taken up again yet", SOON)
                    : new StandbyDuties(seen, view).under(leader);
        }
        return unlocked(seen, view);
    }

    /** The holder renews before anything else; a restarted agent takes up the lock that bears its name. */
    private static Optional<Decision> keepLock(Observation seen, ClusterView view) {
        if (seen.lease() instanceof Lease.Held held) {
            if (held.renewed() || StuckPrimary.leavesLease(seen)) {
                return Optional.empty();
            }
            if (held.byPromise() && view.isUnlocked()) {
                // Nobody could take it meanwhile: all who may had promised not to.
                return Optional.of(new Decision.AcquireLease("took the lock up again after failsafe mode"));
            }
            return Optional.of(new Decision.RenewLease(held.epoch(), "heartbeat"));
        }
        boolean mine = view.leader().map(l -> l.name().equals(seen.me())).orElse(false);
        return mine && seen.task().isEmpty() && !StuckPrimary.leavesLease(seen)
                ? Optional.of(new Decision.RenewLease(view.leader().get().epoch(), "taking up the lock that I hold"))
                : Optional.empty();
    }

    private static Decision busy(Observation seen, ClusterView view, Task task) {
        if (seen.lease() instanceof Lease.Held held) {
            boolean starting = task.kind() == Task.Kind.CRASH_RECOVERY
                    || (task.kind() == Task.Kind.START_PRIMARY || task.kind() == Task.Kind.RESTART)
                            && seen.postgres().process() == LocalPostgres.Process.STARTING;
            if (starting) {
                return new LeaderDuties(seen, view, held).stillStarting();
            }
            Optional<Decision> handOver = HandOver.early(seen, view);
            if (handOver.isPresent()) {
                return handOver.get();
            }
        }
        return task.stops()
                ? Decision.soon(task.kind().words(), SOON)
                : OperatorOrders.interrupt(seen, task)
                        .or(() -> whileStartingReplica(seen, view, task))
                        .orElse(Decision.idle(task.kind().words()));
    }

    private static Optional<Decision> whileStartingReplica(Observation seen, ClusterView view, Task task) {
        boolean led = view.leader().filter(l -> !l.name().equals(seen.me())).isPresent();
        return task.kind() == Task.Kind.START_REPLICA && led && !seen.holdsLease()
                ? new StandbyDuties(seen, view).whileStarting()
                : Optional.empty();
    }

    /** Whatever could make or keep this member a primary ends with its lock. */
    private static Optional<Decision> lostWhileBusy(Observation seen, Task task) {
        if (seen.holdsLease() || seen.settings().paused()) {
            return Optional.empty();
        }
        boolean writing = switch (task.kind()) {
            case PROMOTE, START_PRIMARY -> true;
            case RESTART, STOP -> seen.postgres().isPrimary();
            default -> false;
        };
        if (writing) {
            return Optional.of(new Decision.Stop(
                    Decision.StopMode.IMMEDIATE,
                    false,
                    "lost leader lock during: " + task.kind().words()));
        }
        return task.kind() == Task.Kind.PRE_PROMOTE
                ? Optional.of(new Decision.Cancel("lost leader before promote"))
                : Optional.empty();
    }

    private static Optional<Decision> obey(Observation seen, ClusterView view, Order order) {
        return switch (order) {
            case Order.Shutdown shutdown -> Optional.of(shutDown(seen, Optional.of(view)));
            case Order.Restart restart ->
                OperatorOrders.restart(seen, restart.timeout(), "an operator asked for a restart");
            case Order.RestartStandby restart -> OperatorOrders.restartStandby(seen, restart.because());
            case Order.Reinitialize reinitialize -> OperatorOrders.reinitialize(seen);
        };
    }

    /** PostgreSQL first, then the lock, then the agent. */
    private static Decision shutDown(Observation seen, Optional<ClusterView> view) {
        LocalPostgres pg = seen.postgres();
        Optional<Task> busy = seen.task().filter(t -> !t.stops());
        if (busy.isPresent() && (seen.settings().paused() || pg.process() == LocalPostgres.Process.STOPPED)) {
            return new Decision.Cancel("the agent is shutting down: cancelling "
                    + busy.get().kind().words());
        }
        if (seen.settings().paused()) {
            return new Decision.Exit(0, "Leader key is not deleted and Postgresql is not stopped due paused state");
        }
        if (pg.process() != LocalPostgres.Process.STOPPED) {
            return seen.task().filter(Task::stops).isPresent()
                    ? view.flatMap(v -> HandOver.early(seen, v)).orElse(Decision.soon("stopping PostgreSQL", SOON))
                    : new Decision.Stop(Decision.StopMode.FAST, true, "the agent is shutting down");
        }
        Optional<Decision> uncreated = view.flatMap(v -> NewCluster.takeBack(seen, v));
        if (uncreated.isPresent()) {
            return uncreated.get();
        }
        if (seen.lease() instanceof Lease.Held held && view.isPresent()) {
            return new Decision.ReleaseLease(
                    held.epoch(),
                    pg.control().filter(c -> c.state().equals("shut down")).map(LocalPostgres.ControlFile::checkpoint),
                    "handing the lock over: the agent is shutting down");
        }
        return new Decision.Exit(0, "PostgreSQL is stopped, the agent ends");
    }

    private static Decision unlocked(Observation seen, ClusterView view) {
        LocalPostgres pg = seen.postgres();
        Settings settings = seen.settings();
        Optional<Decision> claim = new OwnData(seen, view).claim();
        if (claim.isPresent()) {
            return claim.get();
        }
        if (pg.isPrimary()) {
            return primaryWithoutLock(seen, view, pg.status().orElseThrow());
        }
        if (pg.isReplica()) {
            boolean asked = view.pendingFailover()
                    .flatMap(f -> f.value().candidate())
                    .map(seen.me()::equals)
                    .orElse(false);
            if (settings.paused() && !asked) {
                return Decision.idle("waiting: nobody leads and the cluster is paused");
            }
            if (NewCluster.mayBeCreatedByAnother(seen, view)) {
                return Decision.idle("waiting for another member that is creating the cluster");
            }
            if (NewCluster.isForgotten(seen, view)) {
                return Decision.soon(NewCluster.FORGOTTEN, SOON);
            }
            Failsafe failsafe = seen.situation().failsafe();
            Optional<String> promised =
                    failsafe.keepsFromLeading(view, seen).or(() -> failsafe.justStarted(view, seen));
            if (promised.isPresent()) {
                return Decision.soon(promised.get(), SOON);
            }
            boolean back = seen.situation().standBackUntil().isPresent()
                    && seen.situation().standBackUntil().getAsLong() - seen.now() > 0;
            if (back) {
                return Decision.soon("waiting before another attempt to lead", SOON);
            }
            return switch (new LeaderRace(seen, view, pg.status().orElseThrow()).verdict()) {
                case LeaderRace.Verdict.Stand stand -> new Decision.AcquireLease(stand.because());
                case LeaderRace.Verdict.StandBack back1 -> Decision.soon(back1.because(), SOON);
                case LeaderRace.Verdict.Ask ask ->
                    new Decision.AskPeers(ask.members(), "nobody leads: where do the others stand?");
            };
        }
        return switch (pg.process()) {
            case STOPPED -> new StandbyDuties(seen, view).withoutLeader();
            case STARTING -> Decision.soon("PostgreSQL is still starting up", Duration.ofMillis(200));
            case STOPPING -> Decision.soon("PostgreSQL is stopping", Duration.ofMillis(200));
            case RUNNING -> Decision.soon("PostgreSQL does not answer: " + pg.problem(), Duration.ofMillis(500));
        };
    }

    private static Decision primaryWithoutLock(Observation seen, ClusterView view, LocalPostgres.Status status) {
        boolean exists = view.initialize().map(i -> !i.value().isEmpty()).orElse(false);
        Failsafe failsafe = seen.situation().failsafe();
        Optional<String> promised = failsafe.keepsFromLeading(view, seen).or(() -> failsafe.justStarted(view, seen));
        if (seen.settings().paused()) {
            return promised.isPresent()
                    ? Decision.idle(PausedPrimary.WITHOUT_LOCK)
                    : PausedPrimary.withFreeLock(seen, view, status);
        }
        // Somebody may have led and gone in between: only the race, with its votes, may say who is next.
        return exists || seen.tags().nofailover()
                ? new Decision.Stop(
                        Decision.StopMode.IMMEDIATE,
                        false,
                        "demoting self because I do not have the lock: the next leader is elected among standbys")
                : new Decision.AcquireLease("acquired session lock as a leader");
    }
}
