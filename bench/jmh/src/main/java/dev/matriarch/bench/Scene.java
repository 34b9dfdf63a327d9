package dev.matriarch.bench;

import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;

/** What the deciding member of the five sees. Each is chosen to go all the way through its branch. */
public enum Scene {
    /** Nothing to do, after every duty of a leader has been looked at. */
    LEADER_AT_REST("leader at rest, quorum commit, four streaming standbys", Decision.Wait.class) {
        @Override
        Observation observation() {
            return new FiveNodes("db-1").ledBy("db-1").leasedPrimary().observation();
        }
    },

    REPLICA_AT_REST("replica at rest", Decision.Wait.class) {
        @Override
        Observation observation() {
            return new FiveNodes("db-2").ledBy("db-1").observation();
        }
    },

    /** The former leader does not answer, three standbys have no more WAL than this one. */
    LEADER_RACE("leader race, four answers", Decision.AcquireLease.class) {
        @Override
        Observation observation() {
            return new FiveNodes("db-2").survey("db-1").observation();
        }
    },

    /** The race is won, the promise of synchronous replication taken over and its list in force. */
    BEFORE_PROMOTION("leader before promotion", Decision.Promote.class) {
        @Override
        Observation observation() {
            return new FiveNodes("db-2").ledBy("db-2").leasedReplica().observation();
        }
    },

    /** The standbys have been asked and could lead. */
    PENDING_SWITCHOVER("leader with a pending switchover, four answers", Decision.Stop.class) {
        @Override
        Observation observation() {
            return new FiveNodes("db-1")
                    .ledBy("db-1")
                    .leasedPrimary()
                    .switchover("db-3")
                    .survey()
                    .observation();
        }
    };

    private final String words;
    private final Class<? extends Decision> expected;

    Scene(String words, Class<? extends Decision> expected) {
        this.words = words;
        this.expected = expected;
    }

    abstract Observation observation();

    String words() {
        return words;
    }

    /** A scene that ends early measures something else: throws {@link IllegalStateException} if it did. */
    void check(Decision decision) {
        boolean right = expected.isInstance(decision);
        // Every heartbeat that waits is a Wait: only the sentence tells the one at rest.
        boolean atRest =
                !(decision instanceof Decision.Wait) || decision.because().startsWith("no action. ");
        if (!right || !atRest) {
            throw new IllegalStateException("the scene \"" + words + "\" should end in " + expected.getSimpleName()
                    + ", but gives " + decision);
        }
    }
}
