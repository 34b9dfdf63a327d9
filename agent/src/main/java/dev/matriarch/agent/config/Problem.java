package dev.matriarch.agent.config;

import java.util.Optional;

/**
 * One thing that is wrong with a configuration.
 *
 * @param source the file, or the environment variable, that said it
 * @param key dotted, as in {@code postgresql.listen}
 * @param value the offending value; empty if it is missing, a whole section, or a secret
 * @param sentence what is wrong and what to do
 * @param didYouMean the nearest name, if the key is unknown
 */
public record Problem(String source, String key, String value, String sentence, Optional<String> didYouMean) {
    /** One line for people. */
    public String text() {
        StringBuilder line = new StringBuilder(source).append(": ").append(key);
        if (!value.isEmpty()) {
            line.append(": '").append(value).append('\'');
        }
        line.append(' ').append(sentence);
        didYouMean.ifPresent(
                name -> line.append("; did you mean '").append(name).append("'?"));
        return line.toString();
    }
}
