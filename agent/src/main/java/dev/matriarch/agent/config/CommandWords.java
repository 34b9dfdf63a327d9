package dev.matriarch.agent.config;

import java.util.ArrayList;
import java.util.List;

/** Splits a configured command into its words as a POSIX shell would, without expanding anything. */
final class CommandWords {
    private CommandWords() {}

    /** @throws IllegalArgumentException with a reason to show if a quote is not closed or there is no word */
    static List<String> split(String command) {
        List<String> words = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        boolean begun = false;
        char quote = 0;
        for (int i = 0; i < command.length(); i++) {
            char c = command.charAt(i);
            boolean escape = c == '\\' && quote != '\'';
            if (escape) {
                if (++i == command.length()) {
                    throw new IllegalArgumentException("ends with a lone backslash");
                }
                char next = command.charAt(i);
                // Between double quotes a backslash stands for itself, except before what it could end.
                if (quote == '"' && next != '"' && next != '\\') {
                    word.append(c);
                }
                word.append(next);
                begun = true;
            } else if (quote != 0) {
                if (c == quote) {
                    quote = 0;
                } else {
                    word.append(c);
                }
            } else if (c == '\'' || c == '"') {
                quote = c;
                begun = true;
            } else if (Character.isWhitespace(c)) {
                if (begun) {
                    words.add(word.toString());
                    word.setLength(0);
                    begun = false;
                }
            } else {
                word.append(c);
                begun = true;
            }
        }
        if (quote != 0) {
            throw new IllegalArgumentException("has a quote " + quote + " that is not closed");
        }
        if (begun) {
            words.add(word.toString());
        }
        if (words.isEmpty() || words.getFirst().isEmpty()) {
            throw new IllegalArgumentException("names no program");
        }
        return List.copyOf(words);
    }
}
