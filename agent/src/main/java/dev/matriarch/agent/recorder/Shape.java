package dev.matriarch.agent.recorder;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What two heartbeats have in common if nothing happened between them: everything but clocks, WAL positions, the
 * store's revision counter and the numbers inside sentences.
 */
final class Shape {
    private static final Set<String> CLOCKS = Set.of("now", "wallClock", "deadline", "replayTimestamp");
    private static final Set<String> SENTENCES = Set.of("because", "why", "problem");
    private static final Pattern POSITION = Pattern.compile("[0-9A-F]{1,8}/[0-9A-F]{1,8}");
    private static final Pattern NUMBER = Pattern.compile("\\d+");

    private Shape() {}

    static String of(JsonNode seen, JsonNode decided) {
        StringBuilder text = new StringBuilder(2048);
        append(text, "", seen);
        append(text, "", decided);
        return text.toString();
    }

    private static void append(StringBuilder text, String name, JsonNode node) {
        if (node.isObject()) {
            text.append('{');
            boolean view = node.has("members") && node.has("initialize");
            for (Map.Entry<String, JsonNode> field : node.properties()) {
                if (CLOCKS.contains(field.getKey()) || view && field.getKey().equals("revision")) {
                    continue;
                }
                text.append(field.getKey()).append(':');
                append(text, field.getKey(), field.getValue());
            }
            text.append('}');
        } else if (node.isArray()) {
            text.append('[');
            node.forEach(one -> append(text, name, one));
            text.append(']');
        } else if (node.isTextual()) {
            String value = node.textValue();
            if (SENTENCES.contains(name)) {
                value = NUMBER.matcher(value).replaceAll("#");
            }
            text.append(POSITION.matcher(value).matches() ? "#" : value).append(',');
        } else {
            text.append(node.asText()).append(',');
        }
    }
}
