package dev.matriarch.agent.config;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/** On which line of a YAML text each key stands. */
final class Lines {
    private static final YAMLFactory YAML = new YAMLFactory();

    private Lines() {}

    /** @return by dotted key; keys inside of lists are left out. Empty if the text is no YAML */
    static Map<String, Integer> of(String text) {
        Map<String, Integer> lines = new HashMap<>();
        Deque<String> path = new ArrayDeque<>();
        int lists = 0;
        try (JsonParser parser = YAML.createParser(text)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                switch (token) {
                    case START_ARRAY -> lists++;
                    case END_ARRAY -> {
                        lists--;
                        leave(path, lists);
                    }
                    case FIELD_NAME -> {
                        if (lists == 0) {
                            path.addLast(parser.currentName());
                            lines.putIfAbsent(
                                    String.join(".", path),
                                    parser.currentTokenLocation().getLineNr());
                        }
                    }
                    case START_OBJECT -> {}
                    default -> leave(path, lists);
                }
            }
        } catch (IOException e) {
            return Map.of();
        }
        return lines;
    }

    /** The value of the innermost key has ended. */
    private static void leave(Deque<String> path, int lists) {
        if (lists == 0 && !path.isEmpty()) {
            path.removeLast();
        }
    }
}
