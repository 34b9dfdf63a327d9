package dev.matriarch.agent.ha;

import dev.matriarch.dcs.ClusterView;
import java.util.Optional;
import java.util.Set;

/**
 * The creation of the cluster. While it goes on the {@code initialize} key is there and empty, and the lock belongs to
 * whoever creates it. If it fails, nothing of it stays in the store.
 */
final class NewCluster {
    private static final Set<String> CREATING =
            Set.of("initializing new cluster", "running custom bootstrap script", "starting after custom bootstrap");

    private static final String TAKEN_BACK = "removing initialize key: no cluster was created";

    static final String FORGOTTEN =
            "the store does not know the cluster any more: waiting for the primary to write its keys"
                    + " again. If there is no primary any more, restart the agent of the member that is to lead";

    private NewCluster() {}

    /** Somebody has claimed the right to create it, and has not finished. */
    static boolean isBegun(ClusterView view) {
        return view.initialize().map(i -> i.value().isEmpty()).orElse(false);
    }

    /** The store knows it. */
    static boolean isCreated(ClusterView view) {
        return view.initialize().map(i -> !i.value().isEmpty()).orElse(false);
    }

    /**
     * The store has lost what it held. A replica knows no members then that it could ask, and the primary may be alive: only
     * who leads fills the store again. In a standby cluster nobody can write, and whoever takes the lock loses nothing.
     */
    static boolean isForgotten(Observation seen, ClusterView view) {
        return view.initialize().isEmpty() && seen.settings().standbyCluster().isEmpty();
    }

    /** Another member that is at it, as its own record says. */
    static Optional<String> createdBy(Observation seen, ClusterView view) {
        if (!isBegun(view)) {
            return Optional.empty();
        }
        return view.members().stream()
                .filter(m -> !m.name().equals(seen.me()) && CREATING.contains(m.state()))
                .map(m -> m.name())
                .findFirst();
    }

    /**
     * As far as the members' records tell. If all of them run servers, each from an attempt of its own that was interrupted,
     * nobody is at it: then one of them has to lead, or they would wait for each other for ever.
     */
    static boolean mayBeCreatedByAnother(Observation seen, ClusterView view) {
        return isBegun(view) && view.members().stream().anyMatch(m -> !m.name().equals(seen.me()) && !m.isRunning());
    }

    /** While it goes on here: the lock may have run out during a long restore and a fault of the store. */
    static Optional<Decision> whileBusy(Observation seen, ClusterView view, Task task) {
        boolean creating = task.kind() == Task.Kind.BOOTSTRAP;
        if (!creating || seen.holdsLease() || seen.settings().paused()) {
            return Optional.empty();
        }
        if (view.leader().filter(l -> !l.name().equals(seen.me())).isPresent()) {
            return Optional.of(new Decision.Cancel("lost the lock while creating the cluster: "
                    + view.leader().get().name() + " has it"));
        }
        return view.isUnlocked() && isBegun(view)
                ? Optional.of(new Decision.AcquireLease("taking the lock up again while creating the cluster"))
                : Optional.empty();
    }

    /** It has failed here: the claim is taken back, then the lock, and the agent ends. */
    static Optional<Decision> failed(Observation seen, ClusterView view) {
        Optional<String> why = seen.situation().bootstrapFailed();
        if (why.isEmpty()) {
            return Optional.empty();
        }
        if (!(seen.lease() instanceof Lease.Held held)) {
            return Optional.of(new Decision.Exit(1, "Failed to bootstrap cluster: " + why.get()));
        }
        // What was seen of the data directory may be of a moment before it was moved aside.
        return Optional.of(
                isBegun(view)
                        ? new Decision.RemoveInitialize(TAKEN_BACK)
                        : new Decision.ReleaseLease(
                                held.epoch(), Optional.empty(), "released the lock: the bootstrap failed"));
    }

    /** An empty {@code initialize} key is not left behind by a member that gives up. */
    static Optional<Decision> takeBack(Observation seen, ClusterView view) {
        boolean nothing = seen.postgres().dataDirectory() != LocalPostgres.DataDirectory.VALID;
        return isBegun(view) && nothing && seen.holdsLease()
                ? Optional.of(new Decision.RemoveInitialize(TAKEN_BACK))
                : Optional.empty();
    }

    /** What an interrupted attempt left in the data directory is no server: it makes room for the next attempt. */
    static Optional<Decision> startOver(Observation seen, ClusterView view) {
        boolean leftovers = seen.postgres().dataDirectory() == LocalPostgres.DataDirectory.HALF_WRITTEN
                && seen.postgres().process() == LocalPostgres.Process.STOPPED;
        return leftovers && isBegun(view) && !seen.settings().paused()
                ? Optional.of(new Decision.SetAside("an earlier attempt to create the cluster did not finish"))
                : Optional.empty();
    }
}
