package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.json.ClusterJson;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.raft.ClusterCommands;
import dev.matriarch.raft.ClusterViews;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A leader that is about to forget a request while an operator puts another in its place. */
class LateForgettingTest {
    private StoreState store = StoreState.EMPTY;

    private boolean apply(Command command) {
        Apply.Applied applied = Apply.apply(store, command);
        store = applied.state();
        return applied.reply().getApplied();
    }

    private ClusterView view() {
        return new ClusterViews().of(store);
    }

    private void asks(String from, String to) {
        FailoverRequest request = new FailoverRequest(Optional.ofNullable(from), Optional.of(to), Optional.empty());
        Expected expected = view().failover()
                .<Expected>map(f -> Expected.revision(f.revision()))
                .orElse(Expected.absent());
        assertTrue(apply(ClusterCommands.write(
                ClusterKeys.FAILOVER, ClusterJson.writeFailover(Optional.of(request)), expected)));
    }

    @Test
    void requestThatReplacedTheOneThatWasSeenStays() {
        asks("n3", "n2");
        long revision = view().failover().orElseThrow().revision();
        // n3 does not lead: the leader forgets what it cannot mean.
        Decision.WriteFailover forget = assertInstanceOf(
                Decision.WriteFailover.class, Scene.leader().asked("n3", "n2").decide());
        assertEquals(Optional.empty(), forget.request());

        asks(null, "n3");
        assertFalse(apply(ClusterCommands.remove(ClusterKeys.FAILOVER, Expected.revision(revision))));
        assertEquals(
                Optional.of("n3"),
                view().pendingFailover().flatMap(f -> f.value().candidate()));
        assertTrue(apply(ClusterCommands.remove(
                ClusterKeys.FAILOVER,
                Expected.revision(view().failover().orElseThrow().revision()))));
    }
}
