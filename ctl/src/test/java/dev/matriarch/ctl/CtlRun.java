package dev.matriarch.ctl;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** One call of matriarchctl, and what it said. */
record CtlRun(int code, String out, String err) {
    /** @param input lines that are typed */
    static CtlRun of(Map<String, String> environment, String input, String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int code = Matriarchctl.run(
                arguments,
                new Terminal(
                        new BufferedReader(new StringReader(input)),
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8),
                        environment));
        return new CtlRun(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    /** Asks this agent. */
    static CtlRun of(FakeAgent agent, String input, String... arguments) {
        String[] all = new String[arguments.length + 2];
        all[0] = "--endpoint";
        all[1] = agent.endpoint();
        System.arraycopy(arguments, 0, all, 2, arguments.length);
        return of(Map.of(), input, all);
    }

    boolean says(String text) {
        return out.contains(text) || err.contains(text);
    }
}
