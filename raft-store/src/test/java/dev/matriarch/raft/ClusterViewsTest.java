package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.json.ClusterKeys;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ClusterViewsTest {
    private static final Duration TTL = Duration.ofSeconds(30);

    private final ClusterViews views = new ClusterViews();
    private StoreState state = StoreState.EMPTY;

    private ClusterView after(Command command) {
        state = Apply.apply(state, command).state();
        return views.of(state);
    }

    private ClusterView touch(String member, String json) {
        return after(ClusterCommands.touchMember(state, member, json, TTL));
    }

    @Test
    void onlyWhatWasWrittenIsReadAgain() {
        touch("n1", "{\"state\":\"running\"}");
        ClusterView before = touch("n2", "{\"state\":\"starting\"}");
        ClusterView then = touch("n2", "{\"state\":\"running\"}");
        Member n1 = then.member("n1").orElseThrow();
        assertSame(before.member("n1").orElseThrow(), n1);
        assertTrue(then.member("n2").orElseThrow().isRunning());
        assertEquals(new ClusterViews().of(state), then);
    }

    @Test
    void aRenewalShowsTheSameView() {
        ClusterView before = after(ClusterCommands.acquireLeader(state, "n1", TTL, state.revision()));
        long epoch = before.leader().orElseThrow().epoch();
        assertSame(before, after(ClusterCommands.renewLeader(state, "n1", epoch, TTL, Optional.empty())));
        assertEquals(epoch, views.of(state).leader().orElseThrow().epoch());
    }

    @Test
    void whatIsGoneIsNotShown() {
        after(ClusterCommands.acquireLeader(state, "n1", TTL, state.revision()));
        after(ClusterCommands.write(ClusterKeys.CONFIG, "{}", Expected.absent()));
        ClusterView then = after(ClusterCommands.remove(ClusterKeys.CONFIG, Expected.anything()));
        assertTrue(then.config().isEmpty());
        long epoch = then.leader().orElseThrow().epoch();
        assertTrue(after(ClusterCommands.releaseLeader(state, "n1", epoch, Optional.empty()))
                .isUnlocked());
    }

    @Test
    void anOlderStateShowsWhatItHeld() {
        ClusterView old = after(ClusterCommands.write(ClusterKeys.SYNC, "{\"leader\":\"n1\"}", Expected.anything()));
        StoreState then = state;
        after(ClusterCommands.write(ClusterKeys.SYNC, "{\"leader\":\"n2\"}", Expected.anything()));
        assertNotSame(old, views.of(state));
        assertEquals("n1", views.of(then).sync().orElseThrow().value().leader());
    }
}
