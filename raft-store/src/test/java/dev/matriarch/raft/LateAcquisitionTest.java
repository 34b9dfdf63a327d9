package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.ClusterStatus;
import dev.matriarch.dcs.Lsn;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A candidate's request for the lock that was held up while another member led: found by the simulator. */
class LateAcquisitionTest {
    private static final Duration TTL = Duration.ofSeconds(5);

    private StoreState state = StoreState.EMPTY;

    private Reply run(Command command) {
        Apply.Applied applied = Apply.apply(state, command);
        state = applied.state();
        return applied.reply();
    }

    private void leads(String member, Optional<ClusterStatus> status) {
        long epoch = run(ClusterCommands.acquireLeader(state, member, TTL, state.revision()))
                .getOperations(0)
                .getLeaseEpoch();
        assertTrue(run(ClusterCommands.renewLeader(state, member, epoch, TTL, status))
                .getApplied());
        assertTrue(run(ClusterCommands.expire(
                        state.lease(ClusterCommands.LEADER_LEASE).orElseThrow()))
                .getApplied());
    }

    private static Optional<ClusterStatus> at(long position) {
        return Optional.of(new ClusterStatus(new Lsn(position), Map.of(), List.of()));
    }

    @Test
    void requestFromBeforeTheLastLeaderIsRefused() {
        Command first = ClusterCommands.acquireLeader(state, "n1", TTL, state.revision());
        leads("n3", at(5));
        assertFalse(run(first).getApplied());
        Command second = ClusterCommands.acquireLeader(state, "n1", TTL, state.revision());
        leads("n3", at(6));
        Reply refused = run(second);
        assertFalse(refused.getApplied());
        assertEquals("", refused.getOperations(refused.getOperationsCount() - 1).getHolder());
        assertTrue(state.lease(ClusterCommands.LEADER_LEASE).isEmpty());
    }

    @Test
    void requestOfACandidateWhoseViewIsOlderThanTheLastLeaderIsRefused() {
        leads("n3", at(5));
        long decidedOn = state.revision();
        leads("n2", Optional.empty());
        // By now its own peer shows that somebody led: what it compared itself with is from before.
        assertFalse(
                run(ClusterCommands.acquireLeader(state, "n1", TTL, decidedOn)).getApplied());
        assertTrue(run(ClusterCommands.acquireLeader(state, "n1", TTL, state.revision()))
                .getApplied());
    }

    @Test
    void requestThatNobodyOvertookIsGranted() {
        leads("n3", at(5));
        Command late = ClusterCommands.acquireLeader(state, "n1", TTL, state.revision());
        run(ClusterCommands.touchMember(state, "n2", "{}", TTL));
        assertTrue(run(late).getApplied());
        // Sent again because the answer was lost.
        assertTrue(run(ClusterCommands.acquireLeader(state, "n1", TTL, state.revision()))
                .getApplied());
    }
}
