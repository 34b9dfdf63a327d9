package dev.matriarch.raft;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Change;
import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.SyncState;
import dev.matriarch.proto.store.v1.Command;
import dev.matriarch.proto.store.v1.Reply;
import dev.matriarch.raft.state.Apply;
import dev.matriarch.raft.state.StoreState;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** A write of the sync key that was held up, and what must not come of it although nobody has written the key since. */
class LateSyncWriteTest {
    private static final Duration TTL = Duration.ofSeconds(5);

    private StoreState state = StoreState.EMPTY;

    private Reply run(Command command) {
        Apply.Applied applied = Apply.apply(state, command);
        state = applied.state();
        return applied.reply();
    }

    private long lead(String member) {
        return run(ClusterCommands.acquireLeader(state, member, TTL, state.revision()))
                .getOperations(0)
                .getLeaseEpoch();
    }

    private void expire() {
        assertTrue(run(ClusterCommands.expire(
                        state.lease(ClusterCommands.LEADER_LEASE).orElseThrow()))
                .getApplied());
    }

    private static Optional<SyncState> sync(String leader, String... voters) {
        return Optional.of(new SyncState(leader, new TreeSet<>(Set.of(voters)), 0));
    }

    private Command write(String leader, long epoch, Optional<SyncState> sync) {
        Expected expected =
                state.entry("sync").map(e -> Expected.revision(e.modRevision())).orElse(Expected.absent());
        return ClusterCommands.writeSync(state, leader, epoch, sync, expected);
    }

    @Test
    void formerLeadersWriteIsRefusedOnceAnotherLeads() {
        long first = lead("n1");
        assertTrue(run(write("n1", first, sync("n1", "n2"))).getApplied());
        Command late = write("n1", first, sync("n1", "n2", "n3"));
        Command removal = write("n1", first, Optional.empty());
        expire();
        long second = lead("n2");
        StoreState before = state;
        assertFalse(run(late).getApplied());
        assertFalse(run(removal).getApplied());
        assertEquals(before, state);
        assertTrue(run(write("n2", second, sync("n2", "n1"))).getApplied());
    }

    @Test
    void formerLeadersWriteIsRefusedWhileNobodyLeadsAndWhenItLeadsAgain() {
        long first = lead("n1");
        assertTrue(run(write("n1", first, sync("n1", "n2"))).getApplied());
        Command late = write("n1", first, sync("n1", "n2", "n3"));
        expire();
        assertFalse(run(late).getApplied());
        lead("n1");
        assertFalse(run(late).getApplied());
    }

    /** What PostgreSQL waits for may have changed after the renewal, by the key as it was shown then. */
    @Test
    void leadersOwnWriteIsRefusedAfterItsNextRenewal() {
        long epoch = lead("n1");
        assertTrue(run(write("n1", epoch, sync("n1", "n2"))).getApplied());
        Command late = write("n1", epoch, sync("n1", "n2", "n3"));
        assertTrue(run(ClusterCommands.renewLeader(state, "n1", epoch, TTL, Optional.empty()))
                .getApplied());
        assertFalse(run(late).getApplied());
        assertTrue(run(write("n1", epoch, sync("n1", "n2", "n3"))).getApplied());
    }

    /** A member listed late would race without ever having been asked for its promise. */
    @Test
    void lateWriteOfWhoMayRaceIsRefusedToo() {
        long epoch = lead("n1");
        Command late = ClusterCommands.writeFailsafe(state, "n1", epoch, Map.of("n1", "http://a", "n3", "http://c"));
        assertTrue(run(ClusterCommands.writeFailsafe(state, "n1", epoch, Map.of("n1", "http://a")))
                .getApplied());
        assertTrue(run(ClusterCommands.renewLeader(state, "n1", epoch, TTL, Optional.empty()))
                .getApplied());
        StoreState before = state;
        assertFalse(run(late).getApplied());
        assertEquals(before, state);
    }

    @Test
    void holderIsNotShownWhatWasThereBeforeItsOwnWrite() throws DcsException {
        StoreState[] shown = {StoreState.EMPTY};
        RaftDcs dcs = new RaftDcs(new RaftDcs.Store() {
            @Override
            public Reply submit(Command command, Duration timeout) {
                return run(command);
            }

            @Override
            public StoreState fresh(Duration timeout) {
                return shown[0];
            }

            @Override
            public StoreState local() {
                return state;
            }

            @Override
            public void onChange(Consumer<Change> listener) {}

            @Override
            public String health() {
                return "ok";
            }

            @Override
            public void close() {}
        });
        dcs.acquireLeader("n1", TTL, Long.MAX_VALUE, TTL);
        assertThrows(DcsException.class, () -> dcs.read(TTL));
        shown[0] = state;
        long epoch = dcs.read(TTL).leader().orElseThrow().epoch();
        dcs.writeSync("n1", epoch, sync("n1", "n2"), Expected.absent(), TTL);
        assertThrows(DcsException.class, () -> dcs.read(TTL));
        shown[0] = state;
        assertEquals(sync("n1", "n2"), dcs.read(TTL).sync().map(s -> s.value()));
        // A store made anew begins at revision 0: it is refused no longer than the lease can last.
        dcs.renewLeader("n1", epoch, Duration.ofNanos(1_000_000), Optional.empty(), TTL);
        shown[0] = StoreState.EMPTY;
        long end = System.nanoTime() + 1_000_000;
        while (System.nanoTime() - end < 0) {
            Thread.onSpinWait();
        }
        assertTrue(dcs.read(TTL).isUnlocked());
    }
}
