package dev.matriarch.agent.config;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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

    /**
     * As far as they were given. A map of callbacks is one word: a member that has one takes none from the cluster.
     *
     * @param prePromote given as nothing: none, whatever the cluster says
     */
    public record Given(
            Optional<Map<String, List<String>>> callbacks,
            Optional<String> primaryWord,
            Optional<List<String>> prePromote,
            Optional<List<String>> beforeStop) {
        public static final Given NOTHING =
                new Given(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());

        static Given of(ScriptsConfig all) {
            return new Given(
                    Optional.of(all.callbacks),
                    Optional.of(all.primaryWord),
                    Optional.of(all.prePromote),
                    Optional.of(all.beforeStop));
        }

        static Given read(Section postgresql) {
            Optional<Map<String, List<String>>> callbacks = postgresql
                    .section("callbacks")
                    .map(section -> {
                        Map<String, List<String>> words = new HashMap<>();
                        for (String event : EVENTS) {
                            List<String> command = command(section, event);
                            if (!command.isEmpty()) {
                                words.put(event, command);
                            }
                        }
                        section.finish();
                        return Map.copyOf(words);
                    });
            Optional<String> word = postgresql.text("callback_role").filter(w -> {
                boolean known = w.equals("primary") || w.equals("master");
                if (!known) {
                    postgresql.problem("callback_role", "is neither primary nor master");
                }
                return known;
            });
            return new Given(callbacks, word, given(postgresql, "pre_promote"), given(postgresql, "before_stop"));
        }

        private static Optional<List<String>> given(Section section, String name) {
            List<String> words = command(section, name);
            return section.has(name) ? Optional.of(words) : Optional.empty();
        }

        Given under(Given member) {
            return new Given(
                    member.callbacks.or(() -> callbacks),
                    member.primaryWord.or(() -> primaryWord),
                    member.prePromote.or(() -> prePromote),
                    member.beforeStop.or(() -> beforeStop));
        }

        ScriptsConfig all() {
            return new ScriptsConfig(
                    callbacks.orElse(NONE.callbacks),
                    primaryWord.orElse(NONE.primaryWord),
                    prePromote.orElse(NONE.prePromote),
                    beforeStop.orElse(NONE.beforeStop));
        }
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
