package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/** Collects problems while a configuration is read, and knows which source said what. */
final class Findings {
    private final UnaryOperator<String> sourceOfKey;
    private final List<Problem> problems = new ArrayList<>();
    private final Map<String, Setting> declared = new LinkedHashMap<>();
    private final Map<String, Refused> refused = new TreeMap<>();

    /** @param except the value that asks for nothing; empty: none */
    record Refused(String sentence, String except) {}

    Findings(UnaryOperator<String> sourceOfKey) {
        this.sourceOfKey = sourceOfKey;
    }

    List<Problem> problems() {
        return List.copyOf(problems);
    }

    /** Every key that was asked for, in the order of asking. */
    List<Setting> declared() {
        return List.copyOf(declared.values());
    }

    /** Every key that would have been refused. */
    Map<String, Refused> refused() {
        return refused;
    }

    /** What is said first of a key counts; what is left open may be added. */
    void declare(Setting setting) {
        declared.merge(setting.key(), setting, Setting::completedBy);
    }

    void refused(String key, String sentence, String except) {
        refused.put(key, new Refused(sentence, except));
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
                // Credentials under the names of their schemes.
                || ("." + key + ".").contains(".auth_data.")
                || name.equals("primary_conninfo");
    }
}
