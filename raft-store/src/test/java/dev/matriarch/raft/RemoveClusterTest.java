package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RemoveClusterTest {
    private StoreState state = StoreState.EMPTY;

    private Reply run(Command command) {
        Apply.Applied applied = Apply.apply(state, command);
        state = applied.state();
        return applied.reply();
    }

    @Test
    void everyKeyIsRemovedButNotUnderALeader() {
        run(ClusterCommands.write(ClusterKeys.CONFIG, "{}", Expected.anything()));
        run(ClusterCommands.write(ClusterKeys.INITIALIZE, "74", Expected.anything()));
        run(ClusterCommands.touchMember(state, "n1", "{}", Duration.ofSeconds(5)));
        long epoch = run(ClusterCommands.acquireLeader(state, "n1", Duration.ofSeconds(5), state.revision()))
                .getOperations(0)
                .getLeaseEpoch();
        StoreState before = state;
        assertFalse(run(ClusterCommands.removeCluster()).getApplied());
        assertEquals(before, state);
        run(ClusterCommands.releaseLeader(state, "n1", epoch, Optional.empty()));
        assertTrue(run(ClusterCommands.removeCluster()).getApplied());
        assertTrue(state.entries().isEmpty(), () -> state.entries().toString());
    }
}
