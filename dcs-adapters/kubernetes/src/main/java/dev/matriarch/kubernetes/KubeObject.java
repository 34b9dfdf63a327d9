package dev.matriarch.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What is of interest of an object.
 *
 * @param version its resourceVersion
 * @param whole as the API server gave it
 */
record KubeObject(
        String name, long version, Map<String, String> annotations, Map<String, String> labels, JsonNode whole) {
    /** @throws NumberFormatException if its version is none */
    static KubeObject of(JsonNode json) {
        JsonNode metadata = json.path("metadata");
        return new KubeObject(
                metadata.path("name").asText(""),
                Long.parseLong(metadata.path("resourceVersion").asText("")),
                texts(metadata.path("annotations")),
                texts(metadata.path("labels")),
                json);
    }

    private static Map<String, String> texts(JsonNode json) {
        Map<String, String> texts = new LinkedHashMap<>();
        json.properties().forEach(p -> {
            if (!p.getValue().isNull()) {
                texts.put(p.getKey(), p.getValue().asText(""));
            }
        });
        return texts;
    }

    Optional<String> annotation(String key) {
        return Optional.ofNullable(annotations.get(key));
    }
}
