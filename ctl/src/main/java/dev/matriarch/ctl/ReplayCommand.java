package dev.matriarch.ctl;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.concurrent.Callable;
import java.util.spi.ToolProvider;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** The decisions are the agent's: its jar offers the replay as a tool of the JDK's kind, found here by name. */
@Command(
        name = "replay",
        description = {
            "Decide again on what an agent's flight recorder holds, and explain it. Asks no agent.",
            "Exit code 1 if something would be decided differently today."
        })
final class ReplayCommand implements Callable<Integer> {
    private static final String TOOL = "matriarch-replay";

    enum Output {
        text,
        pretty,
        json,
        yaml
    }

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(paramLabel = "FILE", description = "A flight-*.jsonl file, or the directory that holds them.")
    private Path file;

    @Option(names = "--from", paramLabel = "TIME", description = "Leave out what is older, as 2026-11-21T06:00:00Z.")
    private String from;

    @Option(names = "--to", paramLabel = "TIME", description = "Leave out what is newer.")
    private String to;

    @Option(names = "--only-changes", description = "Leave out decisions that repeat the one before.")
    private boolean onlyChanges;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "text",
            description = "${COMPLETION-CANDIDATES}")
    private Output output;

    @Override
    public Integer call() {
        if (!Files.isReadable(file)) {
            throw CtlException.refused(file + " does not exist or cannot be read by this user");
        }
        ToolProvider tool = ToolProvider.findFirst(TOOL)
                .orElseThrow(() -> CtlException.refused("the agent's library is not installed beside matriarchctl:"
                        + " replay needs the decisions that are in it"));
        StringBuilder json = new StringBuilder();
        LineSink out = new LineSink(output == Output.yaml ? json::append : ctl.terminal()::print);
        LineSink err = new LineSink(ctl.terminal()::complain);
        try (PrintWriter lines = new PrintWriter(out, true);
                PrintWriter complaints = new PrintWriter(err, true)) {
            int code = tool.run(
                    lines,
                    complaints,
                    file.toString(),
                    time("--from", from),
                    time("--to", to),
                    onlyChanges ? "changes" : "all",
                    output == Output.json || output == Output.yaml ? "json" : "text");
            if (!json.isEmpty()) {
                ctl.terminal().print(Format.yaml.document(Json.value(json.toString())));
            }
            return code;
        }
    }

    private static String time(String option, String text) {
        if (text == null) {
            return "";
        }
        try {
            Instant time = OffsetDateTime.parse(text.strip().replace(' ', 'T')).toInstant();
            return time.toString();
        } catch (DateTimeParseException e) {
            throw CtlException.usage(
                    option + ": '" + text + "' is not a time with a zone, such as 2026-11-21T06:00:00Z");
        }
    }
}
