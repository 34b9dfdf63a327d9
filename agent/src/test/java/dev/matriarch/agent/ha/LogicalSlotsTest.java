package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Permanent logical slots: made by the leader, copied and moved on by standbys. */
class LogicalSlotsTest {
    private static final SlotRules CDC = new SlotRules(
            Map.of("cdc", SlotRules.Permanent.logical("app", "pgoutput")), List.of(), SlotRules.Budget.STANDARD);
    private static final LocalPostgres.Slot N1 = new LocalPostgres.Slot("n1", false, new Lsn(1));
    private static final LocalPostgres.Slot N2 = new LocalPostgres.Slot("n2", true, new Lsn(1));
    private static final LocalPostgres.Slot N3 = new LocalPostgres.Slot("n3", false, new Lsn(1));

    private static LocalPostgres.Slot cdc(long confirmed) {
        return new LocalPostgres.Slot(
                "cdc",
                false,
                new Lsn(1),
                Optional.of(new LocalPostgres.LogicalSlot("app", "pgoutput", new Lsn(confirmed), false, false)),
                "reserved",
                true,
                700);
    }

    private static Scene replica(LocalPostgres.Slot... slots) {
        return Scene.replica()
                .postgres(Servers.withSlots(true, 100, slots))
                .memberStreams("n3")
                .slots(CDC)
                .published(Map.of("cdc", new Lsn(60)));
    }

    private static Optional<Decision.CopySlots> copied(Scene scene) {
        // Whose turn it is goes with the time of day.
        for (int i = 0; i < 12; i++) {
            if (scene.wallClock(Scene.WALL_CLOCK.plusSeconds(i)).decide() instanceof Decision.CopySlots copy) {
                return Optional.of(copy);
            }
        }
        return Optional.empty();
    }

    @Test
    void theLeaderCreatesThemBesideTheHeartbeat() {
        Scene leader =
                Scene.leader().postgres(Servers.withSlots(false, 100, N2, N3)).slots(CDC);
        assertEquals(
                List.of(new SlotChange.CreateLogical("cdc", "app", "pgoutput")),
                LogicalSlots.work(leader.observation()));
        assertInstanceOf(Decision.Wait.class, leader.decide());
        assertEquals(
                List.of(),
                LogicalSlots.work(Scene.leader()
                        .postgres(Servers.withSlots(false, 100, N2, N3, cdc(60)))
                        .slots(CDC)
                        .observation()));
    }

    @Test
    void aStandbyCopiesWhatItLacksInItsTurn() {
        Decision.CopySlots copy = copied(replica(N1, N3)).orElseThrow();
        assertEquals(Set.of("cdc"), copy.slots());
        assertEquals("n1", copy.leader().member());
        assertEquals(Optional.empty(), copied(replica(N1, N3, cdc(50))));
        assertEquals(Optional.empty(), copied(replica(N1, N3).published(Map.of())));
        assertEquals(Optional.empty(), copied(replica(N1, N3).paused()));
        // Another restart now could keep commits waiting.
        assertEquals(Optional.empty(), copied(replica(N1, N3).memberState("n3", "restarting")));
    }

    @Test
    void aCopyIsMovedOnToTheLeadersButNotBeyondWhatIsReplayed() {
        assertEquals(
                List.of(new SlotChange.Advance("cdc", "app", new Lsn(60))),
                LogicalSlots.work(replica(N1, N3, cdc(50)).observation()));
        assertEquals(
                List.of(new SlotChange.Advance("cdc", "app", new Lsn(100))),
                LogicalSlots.work(replica(N1, N3, cdc(50))
                        .published(Map.of("cdc", new Lsn(500)))
                        .observation()));
        assertEquals(List.of(), LogicalSlots.work(replica(N1, N3, cdc(60)).observation()));
    }

    @Test
    void whoNeverLeadsAndStandbyClustersHaveNone() {
        assertEquals(Optional.empty(), copied(replica(N1, N3).tagged(Map.of("nofailover", true))));
        StandbyCluster remote = new StandbyCluster("a", "5432", "", "", "", "", List.of());
        assertEquals(Optional.empty(), copied(replica(N1, N3).standbyCluster(remote)));
    }

    @Test
    void whatHasFailedIsNotTriedAgainAtOnce() {
        SlotMemory failed = new SlotMemory(
                Set.of(),
                Map.of(),
                Map.of(),
                OptionalLong.of(0),
                OptionalLong.empty(),
                Set.of(),
                OptionalLong.of(Scene.NOW + 1));
        assertEquals(
                Optional.empty(),
                copied(replica(N1, N3)
                        .situation(new Memories().following("n1").slots(failed).situation())));
    }

    @Test
    void aCopyIsProvedOnceItsRowsWereKeptWithoutAGap() {
        assertTrue(LogicalSlots.isProven(700, 700));
        assertTrue(LogicalSlots.isProven(701, 700));
        assertFalse(LogicalSlots.isProven(699, 700));
        assertFalse(LogicalSlots.isProven(700, 0));
        // Transaction numbers go round after 2^32.
        assertTrue(LogicalSlots.isProven(5, 4_294_967_290L));
        assertEquals(
                Set.of("cdc"), LogicalSlots.unproven(replica(N1, N3, cdc(50)).observation()));
    }

    @Test
    void feedbackReachesTheLeaderThroughTheTopOfTheChain() {
        assertEquals("n2", LogicalSlots.topOfChain(replica(N1, N3).observation()));
        assertEquals(
                "n3",
                LogicalSlots.topOfChain(
                        replica(N1, N3).tagged(Map.of("replicatefrom", "n3")).observation()));
    }
}
