package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** Collects problems while a configuration is read, and knows which source said what. */
final class Findings {
    private final UnaryOperator<String> sourceOfKey;
    private final List<Problem> problems = new ArrayList<>();

    Findings(UnaryOperator<String> sourceOfKey) {
        this.sourceOfKey = sourceOfKey;
    }

    List<Problem> problems() {
        return List.copyOf(problems);
    }

    void add(String key, JsonNode value, String sentence) {
        add(key, shown(key, value), sentence, Optional.empty());
    }

    void add(String key, String sentence) {
        add(key, "", sentence, Optional.empty());
    }

    void add(String key, String value, String sentence, Optional<String> didYouMean) {
        problems.add(new Problem(sourceOfKey.apply(key), key, value, sentence, didYouMean));
    }

    /** What may be shown of a value: never a secret, never a whole section. */
    static String shown(String key, JsonNode value) {
        if (value == null || value.isContainerNode() || value.isNull()) {
            return "";
        }
        return isSecret(key) ? "" : value.asText();
    }

    /** @param key dotted or not */
    static boolean isSecret(String key) {
        String name = key.substring(key.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
        return name.contains("password") && !name.endsWith("_file") && !name.equals("password_encryption")
                || name.contains("token") && !name.equals("server_tokens")
                || name.equals("url")
                || name.equals("primary_conninfo");
    }
}
