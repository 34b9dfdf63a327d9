package dev.matriarch.agent.loop;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.matriarch.agent.ha.SlotRules;
import java.util.List;
import org.junit.jupiter.api.Test;

class CitusSlotsTest {
    @Test
    void theSlotsOfShardMovesAreLeftAlone() {
        SlotRules rules = CitusSlots.besides(SlotRules.NONE, "shop");
        assertEquals(
                List.of("citus_shard_move_slot_*", "citus_shard_split_slot_*"),
                rules.ignored().stream().map(m -> m.name().orElseThrow()).toList());
        assertEquals(SlotRules.NONE.budget(), rules.budget());
    }
}
