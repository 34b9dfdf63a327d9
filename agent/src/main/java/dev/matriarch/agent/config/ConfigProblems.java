package dev.matriarch.agent.config;

import java.util.List;
import java.util.stream.Collectors;

/** A configuration that cannot be used. The message holds every problem, one to a line. */
public final class ConfigProblems extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient List<Problem> problems;

    ConfigProblems(List<Problem> problems) {
        super(message(problems));
        this.problems = List.copyOf(problems);
    }

    public List<Problem> problems() {
        return problems;
    }

    private static String message(List<Problem> problems) {
        String head = problems.size() == 1
                ? "the configuration has a problem; nothing was started:"
                : "the configuration has " + problems.size() + " problems; nothing was started:";
        return head + problems.stream().map(Problem::text).collect(Collectors.joining("\n  ", "\n  ", ""));
    }
}
