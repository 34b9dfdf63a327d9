package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import dev.matriarch.agent.ha.WalGap;
import dev.matriarch.dcs.Lsn;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The leader is on timeline 3, by way of 1 and 2. */
class WalPlaceTest {
    private static final String HISTORY = """
            1\t0/5000148\tno recovery target specified
            2\t0/6000000\tno recovery target specified
            """;

    private static Optional<Divergence> compared(WalPlace.Kind kind, int timeline, String position) {
        WalPlace place = new WalPlace(timeline, Lsn.parse(position), kind);
        return place.byTimeline("n1", 3, false).or(() -> place.byHistory(3, HISTORY));
    }

    private static Divergence replaying(int timeline, String position) {
        return compared(WalPlace.Kind.REPLAYING, timeline, position).orElseThrow();
    }

    /** What lies in pg_wal behind it is not known: it may go on where the leader did not. */
    @Test
    void replayedWalOfTheLeadersHistoryIsNoPromiseOfWhatFollows() {
        Divergence behind = replaying(2, "0/5F00000");
        assertInstanceOf(Divergence.Unknown.class, behind);
        assertInstanceOf(Divergence.Unknown.class, replaying(2, "0/6000000"));
        assertEquals(behind, replaying(2, "0/5F00028"), "the same reason while it goes on");
        assertInstanceOf(
                Divergence.NotDiverged.class,
                compared(WalPlace.Kind.REPLICA, 2, "0/6000000").orElseThrow(),
                "where the end is known");
    }

    @Test
    void whatWasReplayedBeyondTheLeadersHistoryCannotBeTakenBack() {
        Divergence ahead = replaying(2, "0/6000028");
        assertEquals(
                new Divergence.Diverged("timeline 2 at 0/6000028 is ahead: the leader left timeline 2 at 0/6000000"),
                ahead);
        assertInstanceOf(Divergence.Diverged.class, replaying(4, "0/5000000"), "a timeline after the leader's");
        assertInstanceOf(
                Divergence.Diverged.class,
                new WalPlace(2, Lsn.parse("0/5F00000"), WalPlace.Kind.REPLAYING)
                        .byHistory(3, "1\t0/5000148\tno recovery target specified\n")
                        .orElseThrow(),
                "a timeline that the leader never was on");
    }

    @Test
    void theLeadersOwnTimelineNeedsNoPosition() {
        assertInstanceOf(Divergence.NotDiverged.class, replaying(3, "0/6000028"));
        WalPlace opened = new WalPlace(3, Lsn.parse("0/6000028"), WalPlace.Kind.REPLAYING);
        Divergence twice = opened.byTimeline("n1", 3, true).orElseThrow();
        assertEquals(new Divergence.Diverged(twice.reason(), false), twice, "the number was taken twice");
    }

    @Test
    void aFormerPrimaryIsJudgedAsEver() {
        assertInstanceOf(
                Divergence.Diverged.class,
                compared(WalPlace.Kind.CRASHED_PRIMARY, 2, "0/5F00000").orElseThrow());
        assertInstanceOf(
                Divergence.Diverged.class,
                compared(WalPlace.Kind.CLEAN_PRIMARY, 2, "0/6000000").orElseThrow());
        assertEquals(
                Optional.empty(),
                compared(WalPlace.Kind.CLEAN_PRIMARY, 2, "0/5FFFF90"),
                "depends on where the checkpoint's record ends");
        assertInstanceOf(
                Divergence.Diverged.class,
                compared(WalPlace.Kind.CLEAN_PRIMARY, 3, "0/5F00000").orElseThrow());
    }

    @Test
    void theFileThatAStandbysWalEndsInIsNeededFromTheLeader() {
        LeaderWal leader = new LeaderWal(3, Lsn.parse("0/8000100"), Optional.of(HISTORY));
        Set<String> cloned = Set.of("000000030000000000000007", "000000030000000000000008", "00000003.history");
        Lsn from = Lsn.parse("0/5000200");
        assertEquals(Optional.of(new WalGap("000000020000000000000005", from)), leader.gap(from, 16 << 20, cloned));
        assertEquals(Optional.empty(), leader.gap(Lsn.parse("0/7000000"), 16 << 20, cloned));
        assertEquals(Optional.empty(), leader.gap(Lsn.parse("0/8000100"), 16 << 20, cloned), "it has all");
        // At the end of a file: the next one is made when something is written.
        assertEquals(Optional.empty(), leader.gap(Lsn.parse("0/9000000"), 16 << 20, cloned));
        assertEquals(
                Optional.empty(),
                new LeaderWal(3, Lsn.parse("0/8000100"), Optional.empty()).gap(from, 16 << 20, cloned),
                "without the leader's history nothing is said");
    }
}
