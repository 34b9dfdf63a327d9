package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A release of the lock that was held up, while its holder took the lock up again and started its server. */
class LateReleaseTest {
    private static final Duration TTL = Duration.ofSeconds(5);

    private StoreState state = StoreState.EMPTY;

    private Reply run(Command command) {
        Apply.Applied applied = Apply.apply(state, command);
        state = applied.state();
        return applied.reply();
    }

    private long lead() {
        return run(ClusterCommands.acquireLeader(state, "n1", TTL, state.revision()))
                .getOperations(0)
                .getLeaseEpoch();
    }

    @Test
    void lockThatWasTakenUpAgainStays() {
        long epoch = lead();
        Command late = ClusterCommands.releaseLeader(state, "n1", epoch, Optional.of(ClusterStatus.NONE));
        assertTrue(run(ClusterCommands.renewLeader(state, "n1", epoch, TTL, Optional.empty()))
                .getApplied());
        StoreState before = state;
        assertFalse(run(late).getApplied());
        assertEquals(before, state);
    }

    @Test
    void lockThatWasNotRenewedSinceIsFree() {
        long epoch = lead();
        assertTrue(run(ClusterCommands.renewLeader(state, "n1", epoch, TTL, Optional.empty()))
                .getApplied());
        assertTrue(run(ClusterCommands.releaseLeader(state, "n1", epoch, Optional.empty()))
                .getApplied());
        assertTrue(state.lease(ClusterCommands.LEADER_LEASE).isEmpty());
        assertFalse(run(ClusterCommands.releaseLeader(state, "n1", epoch, Optional.empty()))
                .getApplied());
    }
}
