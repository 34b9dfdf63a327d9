package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.GetVersionReply;
import dev.matriarch.proto.control.v1.GetVersionRequest;
import dev.matriarch.proto.control.v1.MemberVersion;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "version", description = "Print the versions of matriarchctl and of members.")
final class VersionCommand implements Callable<Integer> {
    private static final List<String> TITLES = List.of("Member", "Matriarch", "PostgreSQL", "Problem");
    private static final int TWO_PART_SCHEME = 100_000;

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..*", paramLabel = "CLUSTER [MEMBER]")
    private List<String> names = new ArrayList<>();

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
            description = "${COMPLETION-CANDIDATES}")
    private Format format;

    @Override
    public Integer call() {
        Terminal terminal = ctl.terminal();
        if (format.isPretty()) {
            terminal.print("matriarchctl version " + own());
        }
        if (names.isEmpty()) {
            if (!format.isPretty()) {
                format.lines(TITLES, List.of(row("matriarchctl", own(), "", "")))
                        .forEach(terminal::print);
            }
            return 0;
        }
        try (Agents agents = ctl.reach()) {
            List<String> members =
                    names.getFirst().equals(agents.cluster().getScope()) ? names.subList(1, names.size()) : names;
            GetVersionRequest request =
                    GetVersionRequest.newBuilder().addAllMembers(members).build();
            GetVersionReply reply = agents.call(stub -> stub.getVersion(request));
            if (!format.isPretty()) {
                return forPrograms(reply);
            }
            terminal.print("");
            int code = 0;
            for (MemberVersion version : reply.getMembersList()) {
                if (!version.getProblem().isEmpty()) {
                    terminal.print(version.getName() + ": failed to get version: " + version.getProblem());
                    code = CtlException.REFUSED;
                } else {
                    terminal.print(version.getName() + ": Matriarch " + version.getMatriarch()
                            + (version.getPostgresql() > 0 ? " PostgreSQL " + dotted(version.getPostgresql()) : ""));
                }
            }
            return code;
        }
    }

    private int forPrograms(GetVersionReply reply) {
        List<List<Object>> rows = new ArrayList<>(List.of(row("matriarchctl", own(), "", "")));
        int code = 0;
        for (MemberVersion version : reply.getMembersList()) {
            String postgresql = version.getPostgresql() > 0 ? dotted(version.getPostgresql()) : "";
            rows.add(row(version.getName(), version.getMatriarch(), postgresql, version.getProblem()));
            code = version.getProblem().isEmpty() ? code : CtlException.REFUSED;
        }
        format.lines(TITLES, rows).forEach(ctl.terminal()::print);
        return code;
    }

    private static List<Object> row(String name, String matriarch, String postgresql, String problem) {
        return List.of(name, matriarch, postgresql, problem);
    }

    static String own() {
        return Optional.ofNullable(VersionCommand.class.getPackage().getImplementationVersion())
                .orElse("development");
    }

    static String dotted(int number) {
        return number >= TWO_PART_SCHEME
                ? number / 10_000 + "." + number % 10_000
                : number / 10_000 + "." + number / 100 % 100 + "." + number % 100;
    }
}
