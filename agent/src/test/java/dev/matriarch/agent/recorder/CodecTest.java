package dev.matriarch.agent.recorder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.ha.Decision;
import dev.matriarch.agent.ha.Observation;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Nothing that is observed or decided is lost on its way through the file. */
class CodecTest {
    @Test
    void everyObservationComesBackEqual() throws Exception {
        for (int seed = 0; seed < 400; seed++) {
            Observation seen = new Arbitrary(seed).of(Observation.class);
            String text = Codec.MAPPER.writeValueAsString(Codec.tree(seen));
            assertEquals(seen, Codec.observation(Codec.MAPPER.readTree(text)), "seed " + seed);
        }
    }

    @Test
    void everyKindOfDecisionComesBackEqual() throws Exception {
        Set<Class<?>> kinds = new HashSet<>();
        for (int seed = 0; kinds.size() < Decision.class.getPermittedSubclasses().length || seed < 400; seed++) {
            Decision decided = new Arbitrary(seed).of(Decision.class);
            kinds.add(decided.getClass());
            String text = Codec.MAPPER.writeValueAsString(Codec.tree(decided));
            assertEquals(decided, Codec.decision(Codec.MAPPER.readTree(text)), "seed " + seed);
        }
    }

    @Test
    void unknownFieldsAreLeftAside() throws Exception {
        Observation seen = new Arbitrary(1).of(Observation.class);
        JsonNode tree = Codec.tree(seen);
        ((ObjectNode) tree).put("of_a_later_version", 1);
        ((ObjectNode) tree.path("settings")).put("of_a_later_version", true);
        assertEquals(seen, Codec.observation(tree));
    }

    @Test
    void whatIsMissingIsNamed() {
        JsonNode tree = Codec.tree(new Arbitrary(1).of(Observation.class));
        ((ObjectNode) tree.path("settings")).remove("ttl");
        String message = assertThrows(Codec.UnreadableException.class, () -> Codec.observation(tree))
                .getMessage();
        assertTrue(message.contains("'ttl'"), message);
        JsonNode number = Codec.tree(new Arbitrary(1).of(Observation.class));
        ((ObjectNode) number.path("situation")).remove("failedStarts");
        assertTrue(assertThrows(Codec.UnreadableException.class, () -> Codec.observation(number))
                .getMessage()
                .contains("'failedStarts'"));
    }

    @Test
    void anAbsentOptionIsEmpty() throws Exception {
        JsonNode tree = Codec.tree(new Arbitrary(2).of(Observation.class));
        ((ObjectNode) tree).remove("survey");
        assertTrue(Codec.observation(tree).survey().isEmpty());
    }
}
