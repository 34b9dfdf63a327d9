package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What the readers of the configuration say of the keys that they ask for, while they read a configuration without
 * anything, one with everything, and one with every map but no values.
 *
 * @param settings by key
 * @param required keys without which their map is not complete
 */
record Declared(Map<String, Setting> settings, Map<String, Findings.Refused> refused, Set<String> required) {
    static Declared now() {
        Map<String, Setting> settings = new TreeMap<>();
        Map<String, Findings.Refused> refused = new TreeMap<>();
        Set<String> required = new TreeSet<>();
        ObjectNode every = every();
        ObjectNode nothing = JsonNodeFactory.instance.objectNode();
        for (ObjectNode document : new ObjectNode[] {every, nothing, skeleton(every)}) {
            Findings seen = ConfigFile.examine(new Sources("test", document));
            seen.declared().forEach(s -> settings.merge(s.key(), s, Setting::completedBy));
            refused.putAll(seen.refused());
            seen.problems().stream()
                    .filter(p -> document != every && p.sentence().startsWith("is missing"))
                    .forEach(p -> required.add(p.key()));
        }
        return new Declared(settings, refused, required);
    }

    static ObjectNode every() {
        try (InputStream in = Declared.class.getResourceAsStream("every-setting.yml")) {
            return (ObjectNode) new ObjectMapper(new YAMLFactory()).readTree(in);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static ObjectNode skeleton(ObjectNode map) {
        ObjectNode result = JsonNodeFactory.instance.objectNode();
        for (Map.Entry<String, JsonNode> entry : map.properties()) {
            if (entry.getValue() instanceof ObjectNode section) {
                result.set(entry.getKey(), skeleton(section));
            }
        }
        return result;
    }
}
