package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ExamineReply;
import dev.matriarch.proto.control.v1.Finding;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Ends within ten seconds: five at most to find an agent, and less than five for its answer. */
@Command(
        name = "doctor",
        description = {
            "Look for what is wrong with the cluster or soon will be, and say what to do about it: configuration, clocks,"
                    + " versions, certificates, disks, permissions, reachability, the store, replication.",
            "Exit code 1 if there is an error; with --strict also if there is a warning."
        })
final class DoctorCommand implements Callable<Integer> {
    private static final Duration ANSWER = Duration.ofMillis(4900);
    private static final List<String> TITLES = List.of("Severity", "Area", "Check", "Member", "Found", "Fix");
    private static final String ERROR = "error";
    private static final String WARNING = "warning";
    private static final String OK = "ok";

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(names = "--strict", description = "Exit code 1 also if there are warnings and no error.")
    private boolean strict;

    @Option(
            names = {"-q", "--quiet"},
            description = "Leave out what is well.")
    private boolean quiet;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
            description = "${COMPLETION-CANDIDATES}")
    private Format format;

    @Override
    public Integer call() {
        // Of another Citus group only its cluster tells where it is.
        try (Agents agents = ctl.group() == null ? Agents.reachAny(ctl.settings()) : ctl.reach(cluster)) {
            ExamineReply reply = agents.examine(ANSWER);
            Matriarchctl.check(cluster, reply.getScope());
            List<Finding> shown = reply.getFindingsList().stream()
                    .filter(f -> !quiet || !f.getSeverity().equals(OK))
                    .toList();
            if (format.isPretty()) {
                pretty(reply, shown).forEach(ctl.terminal()::print);
            } else if (format == Format.tsv) {
                format.lines(
                                TITLES,
                                shown.stream()
                                        .map(f -> List.<Object>of(
                                                f.getSeverity(),
                                                f.getArea(),
                                                f.getCheck(),
                                                f.getMember(),
                                                f.getFound(),
                                                f.getFix()))
                                        .toList())
                        .forEach(ctl.terminal()::print);
            } else {
                Map<String, Object> whole = whole(reply, shown);
                ctl.terminal().print(format.document(whole));
            }
            boolean bad = count(reply, ERROR) > 0 || strict && count(reply, WARNING) > 0;
            return bad ? CtlException.REFUSED : 0;
        }
    }

    private static int count(ExamineReply reply, String severity) {
        return (int) reply.getFindingsList().stream()
                .filter(f -> f.getSeverity().equals(severity))
                .count();
    }

    private static List<String> pretty(ExamineReply reply, List<Finding> shown) {
        List<String> lines = new ArrayList<>();
        lines.add("Cluster " + reply.getScope() + ": " + String.join(", ", reply.getMembersList()) + " (examined by "
                + reply.getAnsweredBy() + ")");
        lines.add("");
        int widest = shown.stream().mapToInt(f -> f.getArea().length()).max().orElse(0);
        for (Finding finding : shown) {
            String severity = finding.getSeverity().equals(OK)
                    ? "ok"
                    : finding.getSeverity().toUpperCase(java.util.Locale.ROOT);
            lines.add(padded(severity, WARNING.length()) + "  " + padded(finding.getArea(), widest) + "  "
                    + (finding.getMember().isEmpty() ? "" : finding.getMember() + ": ")
                    + finding.getFound());
            if (!finding.getFix().isEmpty()) {
                lines.add(" ".repeat(WARNING.length() + 2) + "-> " + finding.getFix());
            }
        }
        if (!shown.isEmpty()) {
            lines.add("");
        }
        int errors = count(reply, ERROR);
        int warnings = count(reply, WARNING);
        lines.add(
                errors + warnings == 0
                        ? "All is well."
                        : counted(errors, ERROR) + ", " + counted(warnings, WARNING) + ".");
        return lines;
    }

    private static String counted(int number, String what) {
        return number + " " + what + (number == 1 ? "" : "s");
    }

    private static String padded(String text, int width) {
        return text + " ".repeat(Math.max(0, width - text.length()));
    }

    private static Map<String, Object> whole(ExamineReply reply, List<Finding> shown) {
        Map<String, Object> whole = new LinkedHashMap<>();
        whole.put("cluster", reply.getScope());
        whole.put("examined_by", reply.getAnsweredBy());
        whole.put("members", List.copyOf(reply.getMembersList()));
        whole.put("errors", count(reply, ERROR));
        whole.put("warnings", count(reply, WARNING));
        List<Object> findings = new ArrayList<>();
        for (Finding finding : shown) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("severity", finding.getSeverity());
            one.put("area", finding.getArea());
            one.put("check", finding.getCheck());
            one.put("member", finding.getMember());
            one.put("found", finding.getFound());
            one.put("fix", finding.getFix());
            findings.add(one);
        }
        whole.put("findings", findings);
        return whole;
    }
}
