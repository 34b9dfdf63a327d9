package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A key that a reader asked for, as the reader itself described it.
 *
 * @param key dotted, as in {@code postgresql.listen}
 * @param type in words; empty: not said
 * @param standard what holds if it is not given; empty: nothing, or it depends on others
 * @param range empty: not said
 * @param given as text, on one line; empty: not given. A secret is hidden
 * @param isGiven false: what holds is {@code standard}
 */
public record Setting(String key, String type, String standard, String range, String given, boolean isGiven) {
    static Setting of(String key, String type, String standard, String range, JsonNode value) {
        boolean there = value != null && !value.isNull();
        return new Setting(key, type, standard, range, there ? shown(key, value) : "", there);
    }

    private static String shown(String key, JsonNode value) {
        if (value instanceof ObjectNode map && !Findings.isSecret(key)) {
            return LocalConfig.withoutSecrets(map).toString();
        }
        return Findings.isSecret(key)
                ? LocalConfig.HIDDEN
                : value.isContainerNode() ? value.toString() : value.asText();
    }

    Setting completedBy(Setting later) {
        return new Setting(
                key,
                type.isEmpty() ? later.type : type,
                standard.isEmpty() ? later.standard : standard,
                range.isEmpty() ? later.range : range,
                given,
                isGiven);
    }

    /** Holds other settings, and has no value of its own. */
    boolean isMap() {
        return type.equals("map");
    }
}
