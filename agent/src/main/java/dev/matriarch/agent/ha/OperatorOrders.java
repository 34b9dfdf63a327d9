package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import java.time.Duration;
import java.util.Optional;

/** How orders that an operator gave to this member are carried out: restart and reinitialize. */
final class OperatorOrders {
    private OperatorOrders() {}

    /** Empty: not possible now, the usual duties come first. */
    static Optional<Decision> restart(Observation seen, Optional<Duration> timeout, String because) {
        boolean primary = seen.postgres().isPrimary();
        Optional<ClusterView> view = seen.view();
        boolean startable = seen.postgres().dataDirectory() == LocalPostgres.DataDirectory.VALID;
        if (primary && !seen.holdsLease() && !seen.settings().paused() || view.isEmpty() || !startable) {
            return Optional.empty();
        }
        Upstream upstream = seen.situation()
                .following()
                .orElseGet(() -> view.get()
                        .leaderMember()
                        .filter(m -> !m.name().equals(seen.me()))
                        .flatMap(StandbyDuties::upstream)
                        .<Upstream>map(u -> u)
                        .orElse(new Upstream.Nobody()));
        return Optional.of(new Decision.Restart(
                primary,
                upstream,
                Synchronization.settingAtStart(seen.settings(), view.get().sync()),
                timeout,
                because));
    }

    /** Empty: it is none any more, or about to be promoted; or an operator is at work. */
    static Optional<Decision> restartStandby(Observation seen, String because) {
        boolean mayBePromoted =
                seen.holdsLease() && seen.settings().standbyCluster().isEmpty();
        return !seen.postgres().isReplica() || mayBePromoted || seen.settings().paused()
                ? Optional.empty()
                : restart(seen, Optional.empty(), because);
    }

    /** Empty: refused where it stands, or the data directory is empty already and the usual duties fill it. */
    static Optional<Decision> reinitialize(Observation seen) {
        // What is here may be the only copy until somebody is known to run as primary.
        boolean replaceable = seen.view()
                .flatMap(view -> new StandbyDuties(seen, view).leaderToFollow())
                .isPresent();
        if (seen.holdsLease()
                || !replaceable
                || seen.postgres().isPrimary() && !seen.settings().paused()) {
            return Optional.empty();
        }
        boolean down = seen.postgres().process() == LocalPostgres.Process.STOPPED;
        return Optional.of(
                down
                        ? new Decision.Discard("an operator asked to reinitialize this member")
                        : new Decision.Stop(Decision.StopMode.IMMEDIATE, false, "reinitialize: stopping PostgreSQL"));
    }

    /** A busy member is left alone, unless the operator said that what it does may be thrown away. */
    static Optional<Decision> interrupt(Observation seen, Task task) {
        if (task.kind() == Task.Kind.CLONE && seen.situation().wishes().cloneHeld()) {
            return Optional.of(new Decision.Cancel("creating the replica is cancelled by an operator"));
        }
        boolean forced = seen.order()
                .filter(o -> o instanceof Order.Reinitialize r && r.force())
                .isPresent();
        boolean mayBeCut = switch (task.kind()) {
            case CLONE, START_REPLICA, CHECK_DIVERGENCE, REWIND -> true;
            case RESTART -> !seen.postgres().isPrimary();
            default -> false;
        };
        return forced && mayBeCut && !seen.holdsLease()
                ? Optional.of(new Decision.Cancel(
                        "reinitialize: cancelling " + task.kind().words()))
                : Optional.empty();
    }
}
