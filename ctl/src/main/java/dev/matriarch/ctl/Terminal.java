package dev.matriarch.ctl;

import java.io.BufferedReader;
import java.io.Console;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.util.Map;

/** The person at the other end: questions go out, answers come in. Replaced by a script in tests. */
final class Terminal {
    private final Console console;
    private final BufferedReader in;
    private final PrintStream out;
    private final PrintStream err;
    private final Map<String, String> environment;

    Terminal(BufferedReader in, PrintStream out, PrintStream err, Map<String, String> environment) {
        this(in, out, err, environment, null);
    }

    /** @param console for what must not be shown while it is typed; null: there is none */
    Terminal(BufferedReader in, PrintStream out, PrintStream err, Map<String, String> environment, Console console) {
        this.console = console != null && console.isTerminal() ? console : null;
        this.in = in;
        this.out = out;
        this.err = err;
        this.environment = Map.copyOf(environment);
    }

    /** Somebody types and looks: both ends are a terminal, and one that can do more than print lines. */
    boolean isInteractive() {
        String kind = environment("TERM");
        return console != null && !kind.isEmpty() && !kind.equals("dumb");
    }

    /** The same person, told on the standard error what would be on the standard output. */
    Terminal aside() {
        return new Terminal(in, err, err, environment, console);
    }

    void print(String line) {
        out.println(line);
    }

    /** Nobody reads what is printed any more: the other end of the pipe is closed. */
    boolean isGone() {
        return out.checkError();
    }

    void complain(String line) {
        err.println(line);
    }

    /** Empty text if not set. */
    String environment(String name) {
        return environment.getOrDefault(name, "");
    }

    /** @return the answer, or {@code preset} if it was empty */
    String ask(String question, String preset) {
        out.print(question + " [" + preset + "]: ");
        out.flush();
        String answer = line();
        return answer.isEmpty() ? preset : answer;
    }

    /** @return the answer, which may be empty */
    String ask(String question) {
        out.print(question + ": ");
        out.flush();
        return line();
    }

    /** Not shown while it is typed, where there is somebody who types. */
    String askSecret(String question) {
        if (console == null) {
            return ask(question);
        }
        char[] answer = console.readPassword("%s: ", question);
        if (answer == null) {
            throw CtlException.refused("Aborted!");
        }
        return new String(answer);
    }

    /** No unless the answer is y or yes. */
    boolean confirm(String question) {
        while (true) {
            out.print(question + " [y/N]: ");
            out.flush();
            switch (line().toLowerCase(java.util.Locale.ROOT)) {
                case "y", "yes" -> {
                    return true;
                }
                case "n", "no", "" -> {
                    return false;
                }
                default -> out.println("Error: invalid input");
            }
        }
    }

    /** All that is left to read. */
    String rest() {
        StringBuilder text = new StringBuilder();
        try {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                text.append(line).append('\n');
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    private String line() {
        try {
            String line = in.readLine();
            if (line == null) {
                out.println();
                throw CtlException.refused("Aborted!");
            }
            return line.strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
