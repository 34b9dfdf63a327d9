package dev.matriarch.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** When the tests take a cluster for whole. */
class MemberViewTest {
    private static MemberView member(String name, String role, String state, int timeline) {
        return new MemberView(name, role, state, timeline, 0, false);
    }

    private static final MemberView LEADER = member("n1", "leader", "running", 2);
    private static final MemberView FOLLOWS = member("n2", "replica", "streaming", 2);

    @Test
    void allOthersFollowTheLeaderOnItsTimeline() {
        assertEquals(Optional.of(LEADER), MemberView.leaderOfAll(List.of(LEADER, FOLLOWS), 2, true));
        assertEquals(Optional.empty(), MemberView.leaderOfAll(List.of(LEADER, FOLLOWS), 3, true), "n3 is missing");
        assertEquals(
                Optional.empty(),
                MemberView.leaderOfAll(List.of(LEADER, member("n2", "replica", "streaming", 1)), 2, true));
        assertEquals(Optional.empty(), MemberView.leaderOfAll(List.of(FOLLOWS), 2, true));
    }

    @Test
    void aReplicaThatRunsNeedNotStream() {
        List<MemberView> members = List.of(LEADER, member("n2", "replica", "running", 2));
        assertEquals(Optional.empty(), MemberView.leaderOfAll(members, 2, true));
        assertEquals(Optional.of(LEADER), MemberView.leaderOfAll(members, 2, false));
    }

    @Test
    void whoHasTagsMayStayOutOfAQuorum() {
        MemberView counted = member("n2", "quorum_standby", "streaming", 2);
        MemberView tagged = new MemberView("n3", "replica", "streaming", 2, 0, true);
        assertTrue(MemberView.countsInAQuorum(List.of(LEADER, counted, tagged), "n2"));
        assertFalse(MemberView.countsInAQuorum(List.of(LEADER, counted, tagged), "n3"));
        assertTrue(MemberView.countsInAQuorum(List.of(LEADER, counted, member("n3", "replica", "", 2)), "n3"));
        assertFalse(MemberView.countsInAQuorum(List.of(LEADER, FOLLOWS), "n2"), "it has no quorum");
    }

    @Test
    void whatAnAgentAnswersIsRead() {
        assertEquals(
                List.of(
                        new MemberView("n1", "leader", "running", 2, 0, false),
                        new MemberView("n2", "replica", "streaming", 2, 7, true)),
                MemberView.listed("""
                        {"members": [
                          {"name": "n1", "role": "leader", "state": "running", "timeline": 2},
                          {"name": "n2", "role": "replica", "state": "streaming", "timeline": 2, "lag": 7,
                           "tags": {"nofailover": true}}]}
                        """));
    }
}
