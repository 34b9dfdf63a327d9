package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads the {@code tags} section. Names that mean nothing to the agent are published as they are. */
final class TagsSection {
    private static final List<String> FLAGS = List.of("nofailover", "noloadbalance", "clonefrom", "nosync", "nostream");
    private static final List<String> PRIORITIES = List.of("failover_priority", "sync_priority");

    private final Section section;
    private final Optional<String> me;

    /** @param me the member's name, if it is known */
    TagsSection(Section section, Optional<String> me) {
        this.section = section;
        this.me = me;
    }

    Map<String, Object> read() {
        Map<String, Object> tags = new LinkedHashMap<>();
        for (String flag : FLAGS) {
            // As published: a false flag is left out.
            if (section.bool(flag, false)) {
                tags.put(flag, true);
            }
        }
        for (String priority : PRIORITIES) {
            int value = section.integer(priority, 1, Integer.MIN_VALUE, Integer.MAX_VALUE);
            if (section.has(priority)) {
                tags.put(priority, value);
            }
        }
        if (section.has("replicatefrom")
                && Section.asksForNothing(section.node().get("replicatefrom"))) {
            section.tolerate("replicatefrom");
        } else {
            section.text("replicatefrom").ifPresent(source -> tags.put("replicatefrom", source));
        }
        for (Map.Entry<String, JsonNode> tag : section.node().properties()) {
            String name = tag.getKey();
            if (!FLAGS.contains(name) && !PRIORITIES.contains(name) && !name.equals("replicatefrom")) {
                custom(name, tag.getValue(), tags);
            }
        }
        contradiction("nofailover", "failover_priority", tags);
        contradiction("nosync", "sync_priority", tags);
        if (me.isPresent() && me.equals(Optional.ofNullable(tags.get("replicatefrom")))) {
            section.problem("replicatefrom", "is this member itself; name another one, or leave it out");
        }
        if (tags.containsKey("nostream") && tags.containsKey("replicatefrom")) {
            section.problem(
                    "replicatefrom",
                    "contradicts nostream: true, with which this member streams from nobody; remove one of them");
        }
        return Map.copyOf(tags);
    }

    private void custom(String name, JsonNode value, Map<String, Object> tags) {
        section.describe(name, "text, number or boolean", "", "");
        if (value.isContainerNode()) {
            section.problem(name, "is not a single value; a tag is a text, a number, true or false");
        } else if (value.isBoolean()) {
            tags.put(name, value.booleanValue());
        } else if (value.isInt()) {
            tags.put(name, value.intValue());
        } else if (!value.isNull()) {
            tags.put(name, value.asText());
        }
    }

    /** The flag means "priority 0": both may be given if they say the same. */
    private void contradiction(String flag, String priority, Map<String, Object> tags) {
        if (!section.has(flag) || !(tags.get(priority) instanceof Integer given)) {
            return;
        }
        boolean on = tags.containsKey(flag);
        if (on != given <= 0) {
            section.problem(
                    priority,
                    "contradicts " + flag + ": " + on + ", which means " + (on ? "0" : "1 or more") + "; remove one of"
                            + " them");
        }
    }
}
