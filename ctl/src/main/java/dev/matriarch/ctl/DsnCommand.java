package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.MemberRow;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "dsn",
        description = "Print where a member's PostgreSQL is, for psql: the leader's unless told otherwise.")
final class DsnCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Mixin
    private Chosen chosen;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
            description = "${COMPLETION-CANDIDATES}")
    private Format format;

    @Override
    public Integer call() {
        chosen.check();
        try (Agents agents = ctl.reach(cluster)) {
            List<MemberRow> members = chosen.among(agents.cluster());
            if (members.isEmpty()) {
                throw CtlException.refused("Can not find a suitable member");
            }
            MemberRow member = Chosen.any(members);
            ctl.terminal().print(text(agents.cluster().getScope(), member));
            return 0;
        }
    }

    private String text(String scope, MemberRow member) {
        if (format.isPretty()) {
            return "host=" + member.getHost() + " port=" + member.getPort();
        }
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("cluster", scope);
        one.put("member", member.getName());
        one.put("role", member.getRole());
        one.put("host", member.getHost());
        one.put("port", member.getPort());
        return format == Format.tsv
                ? String.join("\t", one.keySet()) + "\n"
                        + String.join(
                                "\t", one.values().stream().map(String::valueOf).toList())
                : format.document(one);
    }
}
