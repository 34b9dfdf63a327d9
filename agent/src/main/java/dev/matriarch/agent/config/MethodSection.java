package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A method of the operator's own, as {@code bootstrap} and {@code postgresql} describe them: a {@code command}, some keys
 * that say how to use it, and any other key as an argument {@code --key=value}.
 */
final class MethodSection {
    private final Section section;
    private final String name;

    MethodSection(Section section, String name) {
        this.section = section;
        this.name = name;
    }

    /** True for a map that describes a method, whether it is used or not. */
    static boolean describesOne(JsonNode node) {
        return node.isObject() && node.path("command").isTextual();
    }

    /** The words of the command; without one the method's name is the program. */
    List<String> command() {
        List<String> words = ScriptsConfig.command(section, "command");
        return words.isEmpty() ? List.of(name) : words;
    }

    /** @param own keys that are read elsewhere and do not become arguments */
    List<String> arguments(Set<String> own) {
        List<String> arguments = new ArrayList<>();
        for (Map.Entry<String, JsonNode> entry : section.node().properties()) {
            String key = entry.getKey();
            if (own.contains(key) || key.equals("command")) {
                continue;
            }
            section.tolerate(key);
            if (!key.matches("[A-Za-z0-9][A-Za-z0-9_.-]*")) {
                section.problem(key, "cannot be the name of an argument");
            } else if (entry.getValue().isContainerNode()) {
                section.problem(key, "is not a value that fits on a command line");
            } else if (!entry.getValue().isNull()) {
                arguments.add("--" + key + "=" + entry.getValue().asText());
            }
        }
        return List.copyOf(arguments);
    }
}
