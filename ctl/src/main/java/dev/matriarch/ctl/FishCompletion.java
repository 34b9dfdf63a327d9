package dev.matriarch.ctl;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Completions for fish: one line for each command and option, as fish has it. Pure. */
final class FishCompletion {
    private static final String START = "complete -c matriarchctl";

    private FishCompletion() {}

    static String script(CommandLine root) {
        List<String> lines = new ArrayList<>(List.of("# Completions of matriarchctl for fish.", START + " -f"));
        options(root.getCommandSpec(), "", lines);
        for (Map.Entry<String, CommandLine> command : root.getSubcommands().entrySet()) {
            CommandSpec spec = command.getValue().getCommandSpec();
            if (spec.usageMessage().hidden()) {
                continue;
            }
            lines.add(START + " -n __fish_use_subcommand -a " + command.getKey() + " -d "
                    + quoted(description(spec.usageMessage().description())));
            String there = " -n " + quoted("__fish_seen_subcommand_from " + command.getKey());
            options(spec, there, lines);
            spec.positionalParameters().stream()
                    .filter(p -> p.completionCandidates() != null)
                    .forEach(p ->
                            lines.add(START + there + " -a " + quoted(String.join(" ", p.completionCandidates()))));
        }
        return String.join("\n", lines) + "\n";
    }

    private static void options(CommandSpec spec, String condition, List<String> lines) {
        for (OptionSpec option : spec.options()) {
            if (option.hidden() || option.inherited()) {
                continue;
            }
            StringBuilder line = new StringBuilder(START).append(condition);
            for (String name : option.names()) {
                line.append(name.startsWith("--") ? " -l " : name.length() == 2 ? " -s " : " -o ")
                        .append(name.replaceFirst("^--?", ""));
            }
            if (option.arity().max() > 0) {
                boolean file = option.paramLabel().contains("FILE");
                line.append(file ? " -r -F" : " -x");
                if (option.completionCandidates() != null) {
                    line.append(" -a ").append(quoted(String.join(" ", option.completionCandidates())));
                }
            }
            line.append(" -d ").append(quoted(description(option.description())));
            lines.add(line.toString());
        }
    }

    private static String description(String[] lines) {
        return lines.length == 0 || lines[0].contains("COMPLETION-CANDIDATES") ? "" : lines[0];
    }

    private static String quoted(String text) {
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'";
    }
}
