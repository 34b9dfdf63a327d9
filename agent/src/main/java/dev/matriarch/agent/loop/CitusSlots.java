package dev.matriarch.agent.loop;

import dev.matriarch.agent.ha.SlotRules;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The slots that Citus makes and removes by itself, while it moves or splits a shard. */
final class CitusSlots {
    private CitusSlots() {}

    static SlotRules besides(SlotRules rules, String database) {
        List<SlotRules.Matcher> ignored = new ArrayList<>(rules.ignored());
        ignored.add(matcher("citus_shard_move_slot_*", database, "pgoutput"));
        ignored.add(matcher("citus_shard_split_slot_*", database, "citus"));
        return new SlotRules(rules.permanent(), ignored, rules.budget());
    }

    private static SlotRules.Matcher matcher(String name, String database, String plugin) {
        return new SlotRules.Matcher(Optional.of(name), Optional.of(true), Optional.of(database), Optional.of(plugin));
    }
}
