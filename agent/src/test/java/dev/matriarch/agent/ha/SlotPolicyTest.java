package dev.matriarch.agent.ha;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.matriarch.dcs.Lsn;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Which slots are made, moved on, kept and dropped. */
class SlotPolicyTest {
    private static final long GB = 1L << 30;
    private static final LocalPostgres.Slot N1 = new LocalPostgres.Slot("n1", false, new Lsn(1));
    private static final LocalPostgres.Slot N2 = new LocalPostgres.Slot("n2", true, new Lsn(1));
    private static final LocalPostgres.Slot N3 = new LocalPostgres.Slot("n3", true, new Lsn(1));
    private static final LocalPostgres.Slot OF_A_USER = new LocalPostgres.Slot("of_a_user", false, new Lsn(1));

    private static List<SlotChange> changes(Scene scene) {
        Decision decision = scene.decide();
        return decision instanceof Decision.SyncSlots sync ? sync.changes() : List.of();
    }

    private static Scene leader(LocalPostgres.Slot... slots) {
        return Scene.leader().postgres(Servers.withSlots(false, GB, slots));
    }

    private static Scene replica(LocalPostgres.Slot... slots) {
        return Scene.replica().postgres(Servers.withSlots(true, GB, slots));
    }

    private static SlotRules permanent(String name, Optional<SlotRules.ClusterType> type) {
        return new SlotRules(Map.of(name, SlotRules.Permanent.physical(type)), List.of(), SlotRules.Budget.STANDARD);
    }

    private static SlotRules ignoring(SlotRules.Matcher matcher) {
        return new SlotRules(Map.of(), List.of(matcher), SlotRules.Budget.STANDARD);
    }

    private static LocalPostgres.Slot logical(String name, boolean failover, boolean synced) {
        return new LocalPostgres.Slot(
                name,
                false,
                new Lsn(1),
                Optional.of(new LocalPostgres.LogicalSlot("app", "pgoutput", new Lsn(2), failover, synced)),
                "reserved",
                true,
                700);
    }

    private static LocalPostgres.Slot odd(String name, String walStatus, boolean holdsRows) {
        return new LocalPostgres.Slot(
                name, false, new Lsn(1), Optional.empty(), walStatus, holdsRows, holdsRows ? 700 : 0);
    }

    // --- permanent slots ---

    @Test
    void permanentPhysicalSlotsAreKeptEverywhereAndMovedOnWithTheLeaders() {
        SlotRules rules = permanent("backup", Optional.empty());
        assertEquals(
                List.of(new SlotChange.CreatePhysical("backup")),
                changes(leader(N2, N3).slots(rules)));
        assertEquals(
                List.of(new SlotChange.CreatePhysical("backup")),
                changes(replica(N1, new LocalPostgres.Slot("n3", false, new Lsn(1)))
                        .slots(rules)));
        LocalPostgres.Slot behind = new LocalPostgres.Slot("backup", false, new Lsn(1));
        assertEquals(List.of(), changes(leader(N2, N3, behind).slots(rules).published(Map.of("backup", new Lsn(GB)))));
        assertEquals(
                List.of(new SlotChange.Advance("backup", "", new Lsn(GB / 2))),
                changes(replica(N1, N3, behind).slots(rules).published(Map.of("backup", new Lsn(GB / 2)))));
        // Never further than what this member has replayed.
        assertEquals(
                List.of(new SlotChange.Advance("backup", "", new Lsn(GB))),
                changes(replica(N1, N3, behind).slots(rules).published(Map.of("backup", new Lsn(2 * GB)))));
    }

    @Test
    void clusterTypeAndTheOwnNameLeaveASlotOut() {
        assertEquals(
                List.of(new SlotChange.CreatePhysical("backup")),
                changes(leader(N2, N3).slots(permanent("backup", Optional.of(SlotRules.ClusterType.PRIMARY)))));
        assertEquals(
                List.of(),
                changes(leader(N2, N3).slots(permanent("backup", Optional.of(SlotRules.ClusterType.STANDBY)))));
        assertEquals(List.of(), changes(leader(N2, N3).slots(permanent("n1", Optional.empty()))));
    }

    // --- slots that nobody declared ---

    @Test
    void unknownSlotsAreDroppedUnlessTheyAreInUseOrThePauseOrAYoungAgentForbids() {
        List<SlotChange> changes = changes(leader(N2, N3, OF_A_USER));
        assertEquals(
                "of_a_user",
                assertInstanceOf(SlotChange.Drop.class, changes.getFirst()).name());
        assertEquals(1, changes.size());
        assertEquals(List.of(), changes(leader(N2, N3, OF_A_USER).paused()));
        LocalPostgres.Slot used = new LocalPostgres.Slot("of_a_user", true, new Lsn(1));
        assertEquals(List.of(), changes(leader(N2, N3, used)));
        assertEquals(
                Set.of("of_a_user"),
                SlotPolicy.unknownInUse(leader(N2, N3, used).observation()));
        SlotMemory young = new SlotMemory(
                Set.of(),
                Map.of(),
                Map.of(),
                OptionalLong.of(Scene.NOW - Duration.ofSeconds(9).toNanos()),
                OptionalLong.empty());
        assertEquals(
                List.of(),
                changes(leader(N2, N3, OF_A_USER)
                        .situation(new Memories().slots(young).situation())));
    }

    @Test
    void ignoredSlotsAreLeftAlone() {
        SlotRules.Matcher byName =
                new SlotRules.Matcher(Optional.of("of_a_user"), Optional.empty(), Optional.empty(), Optional.empty());
        assertEquals(List.of(), changes(leader(N2, N3, OF_A_USER).slots(ignoring(byName))));
        SlotRules.Matcher byPlugin =
                new SlotRules.Matcher(Optional.empty(), Optional.of(true), Optional.of("app"), Optional.of("pgoutput"));
        assertEquals(
                List.of(), changes(leader(N2, N3, logical("cdc", false, false)).slots(ignoring(byPlugin))));
        assertEquals(
                1, changes(leader(N2, N3, OF_A_USER).slots(ignoring(byPlugin))).size());
        SlotRules.Matcher otherDatabase = new SlotRules.Matcher(
                Optional.empty(), Optional.empty(), Optional.of("other"), Optional.of("pgoutput"));
        assertEquals(
                1,
                changes(leader(N2, N3, logical("cdc", false, false)).slots(ignoring(otherDatabase)))
                        .size());
    }

    @Test
    void ignoredSlotsMayBeKnownByTheBeginningOfTheirNames() {
        SlotRules.Matcher moves = new SlotRules.Matcher(
                Optional.of("cdc_*"), Optional.of(true), Optional.of("app"), Optional.of("pgoutput"));
        assertEquals(
                List.of(),
                changes(leader(N2, N3, logical("cdc_1_2", false, false)).slots(ignoring(moves))));
        assertEquals(
                1,
                changes(leader(N2, N3, logical("cdc", false, false)).slots(ignoring(moves)))
                        .size());
    }

    @Test
    void slotsThatPostgresqlCarriesToItsStandbysItselfAreLeftToIt() {
        assertEquals(List.of(), changes(leader(N2, N3, logical("cdc", true, false))));
        assertEquals(List.of(), changes(replica(N1, N3, logical("cdc", true, true))));
        // What is left of one on a former primary stands in the way of the copy.
        assertEquals(
                "cdc",
                changes(replica(N1, N3, logical("cdc", true, false))).getFirst().name());
    }

    // --- slots that are of no use as they are ---

    @Test
    void slotsThatAreOfNoUseAreMadeAnew() {
        for (LocalPostgres.Slot bad : List.of(
                odd("n3", "lost", false),
                new LocalPostgres.Slot("n3", false, Lsn.INVALID),
                logical("n3", false, false))) {
            List<SlotChange> changes = changes(leader(N2, bad));
            assertEquals(
                    "n3",
                    assertInstanceOf(SlotChange.Drop.class, changes.getFirst()).name());
        }
        assertEquals(List.of(new SlotChange.CreatePhysical("n3")), changes(leader(N2)));
    }

    @Test
    void oldRowsAreKeptOnlyWhereTheReaderIs() {
        // n3 restarts, and it streams from n1.
        assertEquals(List.of(), changes(leader(N2, odd("n3", "reserved", true))));
        List<SlotChange> onStandby = changes(replica(N1, odd("n3", "reserved", true)));
        assertEquals(
                "n3",
                assertInstanceOf(SlotChange.Drop.class, onStandby.getFirst()).name());
    }

    @Test
    void whatTheLeaderRetainsIsKeptByEverybody() {
        SlotMemory told =
                new SlotMemory(Set.of("n1", "n2", "n4"), Map.of(), Map.of(), OptionalLong.of(0), OptionalLong.empty());
        Situation situation = new Memories().following("n1").slots(told).situation();
        LocalPostgres.Slot n4 = new LocalPostgres.Slot("n4", false, new Lsn(1));
        assertEquals(List.of(), changes(replica(N1, N3, n4).situation(situation)));
        assertEquals(
                List.of(new SlotChange.CreatePhysical("n4")),
                changes(replica(N1, N3).situation(situation)));
    }

    @Test
    void aFailureIsNotRepeatedAtOnce() {
        SlotMemory failed =
                new SlotMemory(Set.of(), Map.of(), Map.of(), OptionalLong.of(0), OptionalLong.of(Scene.NOW + 1));
        assertEquals(
                List.of(),
                changes(leader(N2).situation(new Memories().slots(failed).situation())));
    }

    // --- PostgreSQL 10, which cannot move slots ---

    private static Scene older(boolean leads, LocalPostgres.Slot... slots) {
        return (leads ? Scene.leader() : Scene.replica())
                .postgres(Servers.ofVersion(100_023, Servers.withSlots(!leads, GB, slots)));
    }

    @Test
    void whereSlotsCannotBeMovedOnlyWhoIsReadFromHasAny() {
        assertEquals(List.of(new SlotChange.CreatePhysical("n3")), changes(older(true, N2)));
        assertEquals(List.of(), changes(older(false)));
        assertEquals(
                List.of(new SlotChange.CreatePhysical("n3")),
                changes(older(false).memberTagged("n3", Map.of("replicatefrom", "n2"))));
        // The leader does not keep WAL for whoever reads elsewhere.
        assertEquals(List.of(), changes(older(true, N2).memberTagged("n3", Map.of("replicatefrom", "n2"))));
        SlotMemory told = new SlotMemory(Set.of("n4"), Map.of(), Map.of(), OptionalLong.of(0), OptionalLong.empty());
        Situation situation = new Memories().following("n1").slots(told).situation();
        assertEquals(List.of(), changes(older(false).situation(situation)));
        // What it has from the time when it led would keep its WAL for ever.
        LocalPostgres.Slot n3 = new LocalPostgres.Slot("n3", false, new Lsn(1));
        assertEquals(
                "n3",
                assertInstanceOf(
                                SlotChange.Drop.class, changes(older(false, n3)).getFirst())
                        .name());
    }

    @Test
    void whereSlotsCannotBeMovedPermanentOnesAreTheLeaders() {
        SlotRules rules = permanent("backup", Optional.empty());
        LocalPostgres.Slot behind = new LocalPostgres.Slot("backup", false, new Lsn(1));
        assertEquals(
                List.of(new SlotChange.CreatePhysical("backup")),
                changes(older(true, N2, N3).slots(rules)));
        assertEquals(
                List.of(), changes(older(true, N2, N3, behind).slots(rules).published(Map.of("backup", new Lsn(GB)))));
        assertEquals(List.of(), changes(older(false).slots(rules)));
        SlotRules cdc = new SlotRules(
                Map.of("cdc", SlotRules.Permanent.logical("app", "pgoutput")), List.of(), SlotRules.Budget.STANDARD);
        assertEquals(
                List.of(new SlotChange.CreateLogical("cdc", "app", "pgoutput")),
                LogicalSlots.work(older(true, N2, N3).slots(cdc).observation()));
        assertEquals(Map.of(), LogicalSlots.wanted(older(false).slots(cdc).observation()));
    }

    // --- what a member that is away may cost ---

    private static Scene away(Duration time, long maxWal, Duration maxIdle, OptionalLong room) {
        SlotMemory memory = new SlotMemory(
                Set.of(), Map.of("n3", Scene.NOW - time.toNanos()), Map.of(), OptionalLong.of(0), OptionalLong.empty());
        WritePath path = new WritePath(OptionalLong.empty(), 0, "", room, false);
        return leader(N2, new LocalPostgres.Slot("n3", false, new Lsn(1)))
                .situation(new Memories().slots(memory).writePath(path).situation())
                .slots(new SlotRules(Map.of(), List.of(), new SlotRules.Budget(maxWal, maxIdle)));
    }

    private static String expired(Scene scene) {
        List<SlotChange> changes = changes(scene);
        return changes.isEmpty()
                ? ""
                : assertInstanceOf(SlotChange.Expire.class, changes.getFirst()).because();
    }

    @Test
    void theSlotOfADeadMemberIsDroppedWithItsReasonOnceItCostsTooMuch() {
        Duration minute = Duration.ofMinutes(1);
        String because = expired(away(minute, GB / 2, Duration.ZERO, OptionalLong.empty()));
        assertTrue(because.contains("1023 MB of WAL, more than member_slots_max_wal (512 MB)"), because);
        assertEquals("", expired(away(minute, 2 * GB, Duration.ZERO, OptionalLong.empty())));
        assertEquals("", expired(away(minute, 0, Duration.ZERO, OptionalLong.of(1))));
        because = expired(away(minute, 0, Duration.ofSeconds(59), OptionalLong.empty()));
        assertTrue(because.contains("60 s, longer than member_slots_max_idle (59 s)"), because);
        assertEquals("", expired(away(minute, 0, Duration.ofSeconds(61), OptionalLong.empty())));
        // A restart is no absence.
        assertEquals("", expired(away(Duration.ofSeconds(9), 1, Duration.ofSeconds(1), OptionalLong.empty())));
    }

    @Test
    void byDefaultItMayHoldBackAsMuchAsIsStillFree() {
        SlotRules.Budget standard = SlotRules.Budget.STANDARD;
        Duration hour = Duration.ofHours(1);
        String because = expired(away(hour, standard.maxWal(), standard.maxIdle(), OptionalLong.of(GB / 4)));
        assertTrue(because.contains("more than the 256 MB that are still free"), because);
        assertEquals("", expired(away(hour, standard.maxWal(), standard.maxIdle(), OptionalLong.of(2 * GB))));
        assertEquals("", expired(away(hour, standard.maxWal(), standard.maxIdle(), OptionalLong.empty())));
    }

    @Test
    void aSlotThatWasDroppedForItsCostComesBackWithItsMember() {
        SlotMemory recently = new SlotMemory(
                Set.of(),
                Map.of(),
                Map.of("n3", Scene.NOW - Duration.ofSeconds(9).toNanos()),
                OptionalLong.of(0),
                OptionalLong.empty());
        Situation then = new Memories().slots(recently).situation();
        assertEquals(List.of(), changes(leader(N2).situation(then)));
        assertEquals(
                List.of(new SlotChange.CreatePhysical("n3")),
                changes(leader(N2).situation(then).later(1_000_000_000L)));
        assertEquals(
                List.of(),
                changes(leader(N2).situation(then).later(1_000_000_000L).memberState("n3", "stopped")));
    }

    @Test
    void whoStreamsFromAnybodyIsNotAway() {
        LocalPostgres.Status status = Servers.withSlots(
                        true, GB, N1, N2, new LocalPostgres.Slot("n3", false, new Lsn(1)))
                .status()
                .orElseThrow();
        // The leader's own slot on a standby, one that is in use, and one of a member that does not stream.
        assertEquals(Set.of("n3"), SlotBudget.idle(Scene.replica().view(), status));
    }
}
