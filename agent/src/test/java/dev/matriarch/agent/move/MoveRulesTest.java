package dev.matriarch.agent.move;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.agent.move.MoveRules.Mark;
import dev.matriarch.agent.move.MoveRules.Note;
import dev.matriarch.agent.move.MoveRules.Self;
import dev.matriarch.agent.rpc.FakeDcs;
import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.Expected;
import dev.matriarch.dcs.MovedAway;
import dev.matriarch.dcs.Versioned;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class MoveRulesTest {
    private static final String SYSTEM = "74";
    private static final MovedAway TO_RAFT = new MovedAway("raft", true);
    private static final Self LEADER = new Self("n1", true, true, true);
    private static final Self REPLICA = new Self("n2", false, false, true);
    private static final Note SETTLED = new Note(true, true);
    private static final Note MOVING = new Note(false, true);
    private static final Note KNOWS_NOTHING = new Note(true, false);

    private static ClusterView store(String initialize, String config, String leader) {
        ClusterView v = FakeDcs.view(3, config, leader, List.of(), null);
        return new ClusterView(
                v.revision(),
                Optional.ofNullable(initialize).map(i -> new Versioned<>(i, 2)),
                v.config(),
                v.leader(),
                v.members(),
                v.status(),
                v.failover(),
                v.history(),
                v.sync(),
                v.failsafe());
    }

    private static ClusterView paused(String initialize, String leader) {
        return store(initialize, "{\"pause\": true}", leader);
    }

    private static Self notPaused(Self self) {
        return new Self(self.name(), self.leads(), self.primary(), false);
    }

    private static void refused(String why, Mark mark) {
        String said = assertInstanceOf(Mark.Refused.class, mark).why();
        assertTrue(said.contains(why), said);
    }

    private static Mark close(Self self, Note note, ClusterView view) {
        return MoveRules.mark(Optional.of(TO_RAFT), SYSTEM, self, note, view);
    }

    private static Mark open(Self self, Note note, ClusterView view) {
        return MoveRules.mark(Optional.empty(), SYSTEM, self, note, view);
    }

    @Test
    void theLeaderOfAPausedClusterClosesItsStore() {
        assertEquals(
                new Mark.Write(TO_RAFT.text(), Expected.revision(2)), close(LEADER, SETTLED, paused(SYSTEM, "n1")));
        assertEquals(new Mark.Stands(), close(LEADER, SETTLED, paused(TO_RAFT.text(), "n1")), "asked twice");
        refused("n1 leads", close(REPLICA, SETTLED, paused(SYSTEM, "n1")));
    }

    @Test
    void aPauseMustBeHeardAndStandInTheStore() {
        refused("not paused", close(notPaused(LEADER), SETTLED, paused(SYSTEM, "n1")));
        refused("not paused", close(LEADER, SETTLED, store(SYSTEM, "{}", "n1")));
        assertInstanceOf(Mark.Write.class, close(LEADER, SETTLED, store(SYSTEM, null, "n1")), "nothing says otherwise");
    }

    @Test
    void theStoreOfAnotherClusterIsLeftAlone() {
        refused("another cluster", close(LEADER, SETTLED, paused("75", "n1")));
        refused("another cluster", close(LEADER, SETTLED, paused(null, "n1")));
        assertEquals(
                new Mark.Write(TO_RAFT.text(), Expected.absent()),
                close(REPLICA, MOVING, paused(null, null)),
                "who goes back closes the store before somebody has led by it");
    }

    @Test
    void aClosedStoreIsOpenedByWhoKnowsThatNobodyLeadsElsewhere() {
        ClusterView closed = paused(TO_RAFT.text(), null);
        assertEquals(new Mark.Write(SYSTEM, Expected.revision(2)), open(REPLICA, SETTLED, closed));
        assertEquals(
                new Mark.Write(SYSTEM, Expected.revision(2)),
                open(notPaused(REPLICA), SETTLED, closed),
                "in a closed store nobody hears of the pause");
        refused("may be led elsewhere", open(REPLICA, KNOWS_NOTHING, closed));
        refused("not paused", open(REPLICA, SETTLED, store(TO_RAFT.text(), "{}", null)));
    }

    @Test
    void onlyTheLeaderOfAPausedClusterPreparesTheTarget() {
        assertEquals(Optional.empty(), MoveRules.refusesToPrepare(LEADER, paused(SYSTEM, "n1")));
        assertEquals(Optional.of("n2 does not lead"), MoveRules.refusesToPrepare(REPLICA, paused(SYSTEM, "n1")));
        assertEquals(
                Optional.of("the cluster is not paused"),
                MoveRules.refusesToPrepare(notPaused(LEADER), paused(SYSTEM, "n1")));
        assertEquals(
                Optional.of("the cluster is not paused"),
                MoveRules.refusesToPrepare(LEADER, store(SYSTEM, null, "n1")),
                "there is no configuration to take along");
    }

    @Test
    void thePrimaryLeavesAClosedStoreOnly() {
        Optional<ClusterView> open = Optional.of(paused(SYSTEM, null));
        Optional<ClusterView> closed = Optional.of(paused(TO_RAFT.text(), null));
        assertEquals(Optional.empty(), MoveRules.refusesToLeave("raft", "etcd3", LEADER, closed));
        assertEquals(Optional.empty(), MoveRules.refusesToLeave("raft", "etcd3", REPLICA, open));
        for (Optional<ClusterView> view : List.of(open, Optional.<ClusterView>empty())) {
            assertEquals(
                    Optional.of("n1 is the primary, and the store etcd3 is not closed"),
                    MoveRules.refusesToLeave("raft", "etcd3", LEADER, view));
        }
        assertEquals(
                Optional.of("n1 is the primary, and the store etcd3 is not closed"),
                MoveRules.refusesToLeave("consul", "etcd3", LEADER, closed),
                "it was closed for another target");
        assertEquals(
                Optional.of("the cluster is not paused"),
                MoveRules.refusesToLeave("raft", "etcd3", notPaused(LEADER), closed));
    }
}
