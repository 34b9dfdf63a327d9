package dev.matriarch.agent.config;

import java.util.List;
import java.util.Map;

/**
 * The operator's own programs. Each is a list of words: the program and its first arguments.
 *
 * @param callbacks by the name of the event, such as {@code on_start}
 * @param primaryWord what callbacks are told of a primary: {@code primary}, or {@code master} for old scripts
 * @param prePromote empty: none
 * @param beforeStop empty: none
 */
public record ScriptsConfig(
        Map<String, List<String>> callbacks, String primaryWord, List<String> prePromote, List<String> beforeStop) {
    public static final List<String> EVENTS =
            List.of("on_start", "on_stop", "on_restart", "on_reload", "on_role_change");
    public static final ScriptsConfig NONE = new ScriptsConfig(Map.of(), "primary", List.of(), List.of());

    public ScriptsConfig {
        callbacks = Map.copyOf(callbacks);
        prePromote = List.copyOf(prePromote);
        beforeStop = List.copyOf(beforeStop);
    }

    static ScriptsConfig read(Section postgresql) {
        Map<String, List<String>> callbacks = new java.util.HashMap<>();
        postgresql.section("callbacks").ifPresent(section -> {
            for (String event : EVENTS) {
                List<String> words = command(section, event);
                if (!words.isEmpty()) {
                    callbacks.put(event, words);
                }
            }
            section.finish();
        });
        String word = postgresql.text("callback_role").orElse("primary");
        if (!word.equals("primary") && !word.equals("master")) {
            postgresql.problem("callback_role", "is neither primary nor master");
        }
        return new ScriptsConfig(
                callbacks, word, command(postgresql, "pre_promote"), command(postgresql, "before_stop"));
    }

    /** The words of a command; none if it is not given, or given as nothing. */
    static List<String> command(Section section, String name) {
        if (section.has(name) && Section.asksForNothing(section.node().get(name))) {
            section.tolerate(name);
            return List.of();
        }
        return section.text(name)
                .map(text -> {
                    try {
                        return CommandWords.split(text);
                    } catch (IllegalArgumentException e) {
                        section.problem(name, "is not a command: it " + e.getMessage());
                        return List.<String>of();
                    }
                })
                .orElse(List.of());
    }
}
