package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetClusterReply;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "render",
        description = {
            "Write a file made of a template and the cluster's members.",
            "The template is Mustache. The file is replaced only if its content changes, and as a whole; it stays as it is when"
                    + " nobody answers, no member is known, or the template needs the leader and there is none."
        })
final class RenderCommand implements Callable<Integer> {
    private static final double LEAST_PAUSE_SECONDS = 0.1;

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(index = "0", paramLabel = "TEMPLATE", description = "The file with the template.")
    private Path templateFile;

    @Parameters(index = "1", arity = "0..1", paramLabel = "CLUSTER", description = "Only if its name is this one.")
    private String cluster;

    @Option(names = "--out", paramLabel = "FILE", description = "The file to write; without it the text is printed.")
    private Path out;

    @Option(
            names = "--check",
            paramLabel = "COMMAND",
            description =
                    "A shell command that judges the new file, named by {}, before it takes the place of the old one.")
    private String check;

    @Option(
            names = "--exec",
            paramLabel = "COMMAND",
            description = "A shell command to run when the file has changed, such as a reload.")
    private String exec;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "30",
            description = "How long each command may take before it is killed; 30 unless given.")
    private double timeout;

    @Option(
            names = {"-w", "--watch"},
            paramLabel = "SECONDS",
            description = "Look again so often, until somebody ends it.")
    private double watch;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
            description = "${COMPLETION-CANDIDATES}")
    private Format format;

    /** The command is still to be run, or has failed: while watching it is tried again. */
    private boolean execIsDue;

    @Override
    public Integer call() throws InterruptedException {
        if (format == Format.tsv || format == Format.topology) {
            throw CtlException.usage("--output: pretty, json or yaml");
        }
        if (out == null && (check != null || exec != null || watch > 0)) {
            throw CtlException.usage("--check, --exec and --watch need --out FILE");
        }
        if (!(timeout > 0)) {
            throw CtlException.usage("--timeout: more than 0 seconds");
        }
        if (out == null) {
            Map<String, Object> facts = facts();
            tell(facts, false, new FileTemplate(templateFile).text(facts));
            return 0;
        }
        if (watch <= 0) {
            once();
            return 0;
        }
        watch();
        return 0;
    }

    /** Until the process is ended. */
    private void watch() throws InterruptedException {
        long pause = Math.round(Math.max(LEAST_PAUSE_SECONDS, watch) * 1000);
        String complained = "";
        for (boolean first = true; ; first = false) {
            try {
                once();
                complained = "";
            } catch (CtlException e) {
                // A mistake in the template is told to who starts this; one that is made later waits to be mended.
                if (first && e.exitCode() == CtlException.USAGE) {
                    throw e;
                }
                // The same sentence every second would fill the log.
                if (!e.getMessage().equals(complained)) {
                    complained = e.getMessage();
                    ctl.terminal().complain("Error: " + complained);
                }
            }
            TimeUnit.MILLISECONDS.sleep(pause);
        }
    }

    private void once() throws InterruptedException {
        WrittenFile file = new WrittenFile(out);
        boolean changed;
        Map<String, Object> facts;
        try {
            facts = facts();
            String text = new FileTemplate(templateFile).text(facts);
            changed = !file.holds(text);
            if (changed) {
                file.replace(text, this::judge);
            }
        } catch (CtlException e) {
            throw new CtlException(e.exitCode(), e.getMessage() + "\n" + out + " stays as it is.");
        }
        execIsDue |= changed && exec != null;
        if (execIsDue) {
            try {
                command("--exec", exec).run();
            } catch (CtlException e) {
                throw CtlException.refused(
                        e.getMessage() + "\n" + out + (changed ? " has been written before." : " is up to date."));
            }
            execIsDue = false;
        }
        if (changed || watch <= 0) {
            tell(facts, changed, null);
        }
    }

    private ShellLine command(String option, String line) {
        return new ShellLine(option, line, Duration.ofMillis(Math.round(timeout * 1000)));
    }

    private void judge(Path next) {
        if (check == null) {
            return;
        }
        try {
            command("--check", check).about(next).run();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw CtlException.refused("Aborted!");
        }
    }

    /** By the first agent that answers, unless it has lost sight of the cluster and another one has not. */
    private Map<String, Object> facts() {
        Settings settings = ctl.settings();
        try {
            return seenThrough(settings);
        } catch (CtlException e) {
            if (e.exitCode() != CtlException.REFUSED) {
                throw e;
            }
            for (Settings.Endpoint other : settings.endpoints()) {
                try {
                    return seenThrough(new Settings(settings.scope(), List.of(other), settings.tls()));
                } catch (CtlException notThisOneEither) {
                    continue;
                }
            }
            throw e;
        }
    }

    private Map<String, Object> seenThrough(Settings settings) {
        try (Agents agents = ctl.reach(settings)) {
            GetClusterReply seen = agents.cluster();
            Matriarchctl.check(cluster, seen.getScope());
            return TemplateFacts.of(seen);
        }
    }

    /** @param text null: it is in the file */
    private void tell(Map<String, Object> facts, boolean changed, String text) {
        if (format.isPretty()) {
            if (text == null) {
                ctl.terminal().print(out + (changed ? " was written." : " is up to date."));
            } else {
                ctl.terminal().print(text.stripTrailing());
            }
            return;
        }
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("cluster", facts.get("cluster"));
        document.put("file", out == null ? null : out.toString());
        document.put("changed", changed);
        document.put("leader", facts.get("leader") instanceof Map<?, ?> leader ? leader.get("name") : null);
        document.put("text", text);
        String one = format.document(document);
        ctl.terminal().print(format == Format.json || watch <= 0 ? one : "---\n" + one);
    }
}
