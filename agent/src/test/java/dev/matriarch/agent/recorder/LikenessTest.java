package dev.matriarch.agent.recorder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.ha.Observation;
import dev.matriarch.agent.ha.WritePath;
import dev.matriarch.dcs.Lsn;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class LikenessTest {
    private record Seen(
            long now, String why, String state, Optional<Lsn> flushed, List<String> members, int timeline) {}

    private static final Seen SEEN =
            new Seen(1, "3 seconds left", "running", Optional.of(Lsn.parse("0/3000000")), List.of("n1", "n2"), 4);

    @Test
    void clocksPositionsAndNumbersInSentencesMayDiffer() {
        assertTrue(Likeness.of(
                SEEN,
                new Seen(2, "12 seconds left", "running", Optional.of(Lsn.parse("1/0")), List.of("n1", "n2"), 4)));
        assertTrue(Likeness.of(Map.of("xlog", "0/3000000"), Map.of("xlog", "0/4000000")));
    }

    @Test
    void everythingElseMayNot() {
        List<Seen> others = List.of(
                new Seen(1, "3 minutes left", "running", SEEN.flushed(), SEEN.members(), 4),
                new Seen(1, SEEN.why(), "stopped", SEEN.flushed(), SEEN.members(), 4),
                new Seen(1, SEEN.why(), "running", Optional.empty(), SEEN.members(), 4),
                new Seen(1, SEEN.why(), "running", SEEN.flushed(), List.of("n1"), 4),
                new Seen(1, SEEN.why(), "running", SEEN.flushed(), List.of("n1", "n3"), 4),
                new Seen(1, SEEN.why(), "running", SEEN.flushed(), SEEN.members(), 5));
        others.forEach(other -> assertFalse(Likeness.of(SEEN, other), other::toString));
        assertFalse(Likeness.of(Map.of("a", "1"), Map.of("a", "2")));
        assertFalse(Likeness.of(Map.of("a", "1"), Map.of("b", "1")));
    }

    @Test
    void roomOnTheDiskMattersAtTheLineOnly() {
        WritePath much = room(WritePath.LEAST_ROOM + 1);
        assertTrue(Likeness.of(much, room(WritePath.LEAST_ROOM + 5000)));
        assertFalse(Likeness.of(much, room(WritePath.LEAST_ROOM - 1)));
    }

    private static WritePath room(long bytes) {
        return new WritePath(OptionalLong.empty(), 0, "", OptionalLong.of(bytes), false);
    }

    /** Whatever an observation holds: it is like its copy, and unlike itself with any one thing changed that matters. */
    @Test
    void anyObservationIsLikeItsCopyAndSeesChangesInside() throws Exception {
        int compared = 0;
        for (int seed = 1; seed <= 50; seed++) {
            Observation seen = new Arbitrary(seed).of(Observation.class);
            ObjectNode tree = (ObjectNode) Codec.tree(seen);
            Observation copy = Codec.observation(tree);
            if (!copy.equals(seen)) {
                // What JSON does not keep apart, as 0.0 and -0.0.
                continue;
            }
            compared++;
            assertTrue(Likeness.of(seen, copy), "seed " + seed);
            tree.put("now", seen.now() + 1);
            assertTrue(Likeness.of(seen, Codec.observation(tree)), "seed " + seed);
            tree.put("me", seen.me() + "x");
            assertFalse(Likeness.of(seen, Codec.observation(tree)), "seed " + seed);
            ObjectNode settings = (ObjectNode) Codec.tree(copy).path("settings");
            settings.put("paused", !seen.settings().paused());
            tree.put("me", seen.me()).set("settings", settings);
            assertFalse(Likeness.of(seen, Codec.observation(tree)), "seed " + seed);
        }
        assertEquals(50, compared);
    }
}
