package dev.matriarch.raft;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.raft.state.StoreState;
import java.time.Duration;

/** Reads of this peer's own replica, with a bound on how old they are. Safe for several threads. */
final class LocalCopy {
    private static final long LOOK_AGAIN_MILLIS = 20;

    private final Proposals.Surroundings surroundings;
    private final Proposals proposals;
    private final LeaderContact contact;

    /** The replica that has shown everything that was committed when it was first asked. */
    private volatile Proposals.Replica caughtUp;

    LocalCopy(Proposals.Surroundings surroundings, Proposals proposals, LeaderContact contact) {
        this.surroundings = surroundings;
        this.proposals = proposals;
        this.contact = contact;
    }

    /**
     * The state of a replica that has been in touch with the majority within {@code oldest}.
     *
     * @param timeout how long to wait for such contact
     */
    StoreState fresh(Duration timeout, Duration oldest) throws DcsException {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (true) {
            Proposals.Replica replica = surroundings.replica();
            long age = contact.ageMillis(replica.division());
            if (age <= oldest.toMillis()) {
                catchUp(replica, deadline);
                return replica.stateMachine().state();
            }
            if (System.nanoTime() - deadline >= 0) {
                throw new DcsException(
                        "The local copy of the built-in store is out of touch: " + surroundings.whyNoLeader());
            }
            try {
                Thread.sleep(LOOK_AGAIN_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new DcsException("Interrupted while waiting for the built-in store", e);
            }
        }
    }

    /** A replica that has just started may be hours behind: one barrier through the log tells. */
    private void catchUp(Proposals.Replica replica, long deadline) throws DcsException {
        if (caughtUp == replica) {
            return;
        }
        proposals.submitAndSee(ClusterCommands.barrier(), Duration.ofNanos(deadline - System.nanoTime()));
        caughtUp = replica;
    }
}
