package dev.matriarch.agent.postgres;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RewoundWalTest {
    private static final long SEGMENT = 16 << 20;

    /** As a chaos run met it: the leader had been cloned at 0/C000028, on timeline 11, and opened timeline 12. */
    private static final String HISTORY = """
            9\t0/B43A1F0\tno recovery target specified

            10\t0/B4C5438\tno recovery target specified
            11\t0/D042378\tno recovery target specified
            """;

    private static final RewoundWal WAL =
            RewoundWal.along(HISTORY, 12, Lsn.parse("0/B43F4D0"), Lsn.parse("0/D0466A0"), SEGMENT);

    private static final String SEGMENT_B = "0000000B000000000000000B";
    private static final String SEGMENT_C = "0000000B000000000000000C";
    private static final String SEGMENT_D = "0000000C000000000000000D";

    @Test
    void theFirstSegmentOfATimelineIsNeededAndNotThatOfTheOneBefore() {
        assertEquals(List.of(SEGMENT_B), WAL.missing(Set.of("0000000A000000000000000B", SEGMENT_C, SEGMENT_D)));
        assertEquals(List.of(), WAL.missing(Set.of(SEGMENT_B, SEGMENT_C, SEGMENT_D)));
    }

    @Test
    void whatComesAfterAllThatIsThereIsStreamed() {
        assertEquals(List.of(), WAL.missing(Set.of(SEGMENT_B, SEGMENT_C)));
        assertEquals(List.of(), WAL.missing(Set.of()));
        assertEquals(List.of(SEGMENT_B, SEGMENT_C), WAL.missing(Set.of(SEGMENT_D)));
        // Made in advance, by recycling: their names are later than what is needed.
        assertEquals(List.of(), WAL.missing(Set.of("0000000C000000000000000E")));
    }

    @Test
    void theLastOneOfOursMayBeThereInPartOnly() {
        assertEquals(List.of(), WAL.missing(Set.of(SEGMENT_B), Set.of(SEGMENT_B, SEGMENT_C, SEGMENT_D)));
        assertEquals(List.of(), WAL.missing(Set.of(SEGMENT_B, SEGMENT_C), Set.of(SEGMENT_C, SEGMENT_D)));
        assertEquals(List.of(SEGMENT_C), WAL.missing(Set.of(SEGMENT_B, SEGMENT_C), Set.of(SEGMENT_D)));
        assertEquals(List.of(SEGMENT_B, SEGMENT_C), WAL.missing(Set.of(), Set.of(SEGMENT_D)));
    }

    @Test
    void timelineOneHasNoHistoryAndSegmentsHaveOtherSizes() {
        RewoundWal wal = RewoundWal.along("", 1, Lsn.parse("2/FFF00000"), Lsn.parse("3/100"), 1 << 20);
        assertEquals(List.of("000000010000000200000FFF"), wal.missing(Set.of("000000010000000300000000")));
    }
}
