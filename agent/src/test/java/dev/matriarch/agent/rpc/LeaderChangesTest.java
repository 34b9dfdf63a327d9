package dev.matriarch.agent.rpc;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.dcs.ClusterView;
import dev.matriarch.dcs.FailoverRequest;
import dev.matriarch.dcs.Member;
import dev.matriarch.dcs.Versioned;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** How a change of the leader has ended, by what the store shows. */
class LeaderChangesTest {
    private static final FailoverRequest TO_N2 =
            new FailoverRequest(Optional.of("n1"), Optional.of("n2"), Optional.empty());
    private static final FailoverRequest FAILOVER_TO_N2 =
            new FailoverRequest(Optional.empty(), Optional.of("n2"), Optional.empty());

    private static Member member(String name, String role, String state) {
        return Member.named(name).role(role).state(state).build();
    }

    private static ClusterView led(String leader, String role, String state, FailoverRequest pending) {
        return FakeDcs.view(
                5,
                "{}",
                leader,
                leader == null ? List.of() : List.of(member(leader, role, state)),
                pending == null ? null : new Versioned<>(pending, 4));
    }

    private static Optional<Outcome> ending(FailoverRequest key, ClusterView now) {
        return LeaderChanges.ending(key, Optional.of("n1"), now);
    }

    @Test
    void itGoesOnWhileNobodyLeadsOrTheNewLeaderIsNotThereYet() {
        assertEquals(Optional.empty(), ending(TO_N2, led(null, "", "", null)));
        assertEquals(Optional.empty(), ending(TO_N2, led("n2", "replica", "running", null)), "it is promoted now");
        assertEquals(Optional.empty(), ending(TO_N2, led("n2", "primary", "starting", null)));
        assertEquals(Optional.empty(), ending(TO_N2, led("n1", "primary", "running", TO_N2)), "it still stands");
    }

    @Test
    void whoWasWantedLeads() {
        assertEquals(
                Optional.of(new Outcome(200, "Successfully switched over to \"n2\"")),
                ending(TO_N2, led("n2", "primary", "running", null)));
        assertEquals(
                Optional.of(new Outcome(200, "Successfully failed over to \"n2\"")),
                ending(FAILOVER_TO_N2, led("n2", "standby_leader", "running", null)));
    }

    @Test
    void anotherOneLeads() {
        assertEquals(
                Optional.of(new Outcome(200, "Switched over to \"n3\" instead of \"n2\"")),
                ending(TO_N2, led("n3", "primary", "running", null)));
    }

    @Test
    void theOldLeaderHasTakenTheKeyAwayAndGoesOn() {
        assertEquals(
                Optional.of(new Outcome(503, "Switchover failed")),
                ending(TO_N2, led("n1", "primary", "running", null)));
    }
}
