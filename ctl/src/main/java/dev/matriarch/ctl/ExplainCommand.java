package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ExplainReply;
import dev.matriarch.proto.control.v1.ExplainRequest;
import dev.matriarch.proto.control.v1.MemberOutlook;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "explain",
        description = "Say who could be promoted now, who not and why, and what happens if the leader dies.")
final class ExplainCommand implements Callable<Integer> {
    private static final List<TextTable.Column> COLUMNS = List.of(
            new TextTable.Column("Member", false),
            new TextTable.Column("Role", false),
            new TextTable.Column("TL", true),
            new TextTable.Column("LSN", true),
            new TextTable.Column("Promotable", false),
            new TextTable.Column("Why", false),
            new TextTable.Column("Switchover", false));

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
            description = "${COMPLETION-CANDIDATES}")
    private Format format;

    @Override
    public Integer call() {
        try (Agents agents = ctl.reach(cluster)) {
            ExplainReply reply = agents.call(stub -> stub.explain(ExplainRequest.getDefaultInstance()));
            if (format.isPretty()) {
                pretty(reply, agents.cluster().getScope());
            } else if (format == Format.tsv) {
                format.lines(
                                COLUMNS.stream().map(TextTable.Column::title).toList(),
                                reply.getMembersList().stream()
                                        .map(m -> List.<Object>copyOf(row(m)))
                                        .toList())
                        .forEach(ctl.terminal()::print);
            } else {
                Map<String, Object> whole = whole(reply);
                ctl.terminal().print(format.document(whole));
            }
            return 0;
        }
    }

    private void pretty(ExplainReply reply, String scope) {
        ctl.terminal().print(reply.getOutlook());
        if (!reply.getGuarantee().isEmpty()) {
            ctl.terminal()
                    .print(Character.toUpperCase(reply.getGuarantee().charAt(0))
                            + reply.getGuarantee().substring(1) + ".");
        }
        ctl.terminal().print("");
        new TextTable(
                        " Cluster: " + scope + " ",
                        COLUMNS,
                        reply.getMembersList().stream().map(ExplainCommand::row).toList())
                .lines()
                .forEach(ctl.terminal()::print);
    }

    private static List<String> row(MemberOutlook member) {
        return List.of(
                member.getName(),
                member.getLeads() ? "Leader" : "Replica",
                member.hasTimeline() ? Integer.toString(member.getTimeline()) : "",
                member.hasLsn() ? position(member.getLsn()) : "",
                member.getLeads() ? "" : member.getPromotable() ? "yes" : "no",
                member.getWhy(),
                member.getLeads() ? "" : member.getSwitchoverTarget() ? "possible" : member.getSwitchoverProblem());
    }

    private static String position(long lsn) {
        return String.format("%X/%X", lsn >>> 32, lsn & 0xFFFFFFFFL);
    }

    private static Map<String, Object> whole(ExplainReply reply) {
        Map<String, Object> whole = new LinkedHashMap<>();
        whole.put("leader", reply.getLeader());
        whole.put("outlook", reply.getOutlook());
        whole.put("heir", reply.getHeir());
        whole.put("failover_seconds", reply.getFailoverSeconds());
        whole.put("guarantee", reply.getGuarantee());
        List<Object> members = new ArrayList<>();
        for (MemberOutlook member : reply.getMembersList()) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("name", member.getName());
            one.put("leader", member.getLeads());
            one.put("reachable", member.getReachable());
            one.put("promotable", member.getPromotable());
            one.put("why", member.getWhy());
            if (member.hasTimeline()) {
                one.put("timeline", member.getTimeline());
            }
            if (member.hasLsn()) {
                one.put("lsn", position(member.getLsn()));
            }
            one.put("switchover_target", member.getSwitchoverTarget());
            if (!member.getSwitchoverProblem().isEmpty()) {
                one.put("switchover_problem", member.getSwitchoverProblem());
            }
            members.add(one);
        }
        whole.put("members", members);
        return whole;
    }
}
