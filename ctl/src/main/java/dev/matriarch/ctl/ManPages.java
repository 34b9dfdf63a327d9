package dev.matriarch.ctl;

import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** Manual pages for section 1, made of what the commands say of themselves. Pure. */
final class ManPages {
    private static final String ROOT = "matriarchctl";

    private ManPages() {}

    /** @return file name to content */
    static Map<String, String> all(CommandLine root) {
        Map<String, String> pages = new LinkedHashMap<>();
        pages.put(ROOT + ".1", page(root));
        root.getSubcommands().forEach((name, command) -> {
            if (!command.getCommandSpec().usageMessage().hidden()) {
                pages.put(ROOT + "-" + name + ".1", page(command));
            }
        });
        return pages;
    }

    private static String page(CommandLine line) {
        CommandSpec spec = line.getCommandSpec();
        boolean isRoot = spec.parent() == null;
        String name = isRoot ? ROOT : ROOT + "-" + spec.name();
        String[] description = spec.usageMessage().description();
        StringBuilder page = new StringBuilder();
        page.append(".TH \"").append(name.toUpperCase(java.util.Locale.ROOT)).append("\" \"1\" \"\" \"Matriarch\"\n");
        page.append(".SH NAME\n")
                .append(text(name))
                .append(" \\- ")
                .append(text(firstSentence(description)))
                .append('\n');
        // Lines are broken by who shows the page.
        spec.usageMessage().width(2000);
        Help help = new Help(spec, Help.defaultColorScheme(Help.Ansi.OFF));
        page.append(".SH SYNOPSIS\n")
                .append(text(help.synopsis(0).strip().replaceAll("\\s+", " ")))
                .append('\n');
        page.append(".SH DESCRIPTION\n");
        for (String paragraph : description) {
            page.append(text(String.format(paragraph))).append("\n.PP\n");
        }
        if (!isRoot) {
            for (PositionalParamSpec parameter : spec.positionalParameters()) {
                if (parameter.description().length > 0) {
                    entry(
                            page,
                            parameter.paramLabel(),
                            words(parameter.description(), parameter.completionCandidates()));
                }
            }
        }
        page.append(".SH OPTIONS\n");
        for (OptionSpec option : spec.options()) {
            if (!option.hidden() && !option.inherited()) {
                String value = option.arity().max() > 0 ? " " + option.paramLabel() : "";
                entry(
                        page,
                        String.join(", ", option.names()) + value,
                        words(option.description(), option.completionCandidates()));
            }
        }
        if (isRoot) {
            page.append(".SH COMMANDS\n");
            line.getSubcommands().forEach((command, sub) -> {
                if (!sub.getCommandSpec().usageMessage().hidden()) {
                    entry(
                            page,
                            command,
                            firstSentence(sub.getCommandSpec().usageMessage().description()));
                }
            });
            page.append(".SH EXIT STATUS\n");
            entry(page, "0", "Everything that was asked for happened.");
            entry(page, "1", "It was refused or failed, in part or altogether.");
            entry(page, "2", "Wrong usage.");
            entry(page, "3", "No agent answered.");
        } else {
            page.append(".PP\nThose of every command are described in ")
                    .append(ROOT)
                    .append("(1).\n");
            page.append(".SH SEE ALSO\n").append(ROOT).append("(1)\n");
        }
        return page.toString();
    }

    private static void entry(StringBuilder page, String term, String words) {
        page.append(".TP\n\\fB")
                .append(text(term))
                .append("\\fR\n")
                .append(text(words))
                .append('\n');
    }

    private static String words(String[] description, Iterable<String> candidates) {
        String all = String.join(" ", description);
        return all.replace(
                "${COMPLETION-CANDIDATES}", candidates == null ? "" : "One of " + String.join(", ", candidates) + ".");
    }

    private static String firstSentence(String[] description) {
        return description.length == 0 ? "" : String.format(description[0]);
    }

    /** A line that begins with a dot or a quote would be a command to the formatter. */
    private static String text(String plain) {
        String escaped = plain.replace("\\", "\\e").replace("-", "\\-").strip();
        return escaped.startsWith(".") || escaped.startsWith("'") ? "\\&" + escaped : escaped;
    }
}
