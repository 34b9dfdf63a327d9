package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.GetClusterReply;
import dev.matriarch.proto.control.v1.MemberRow;
import java.util.List;

/** The members that an action is for, and what became of it. */
final class Selection {
    private Selection() {}

    /**
     * @param arguments {@code CLUSTER [MEMBER…]}; the cluster's name may be left out
     * @throws CtlException if nobody is left or a name is unknown
     */
    static List<MemberRow> of(GetClusterReply cluster, List<String> arguments, Role role) {
        if (cluster.getMembersCount() == 0) {
            throw CtlException.refused(cluster.getScope() + " cluster doesn't have any members");
        }
        List<String> names = arguments;
        if (!names.isEmpty() && names.getFirst().equals(cluster.getScope())) {
            names = names.subList(1, names.size());
        }
        for (String name : names) {
            if (cluster.getMembersList().stream().noneMatch(m -> m.getName().equals(name))) {
                throw CtlException.refused(name + " is not a member of cluster " + cluster.getScope());
            }
        }
        List<String> wanted = names;
        List<MemberRow> selected = cluster.getMembersList().stream()
                .filter(role::matches)
                .filter(m -> wanted.isEmpty() || wanted.contains(m.getName()))
                .toList();
        if (selected.isEmpty()) {
            throw CtlException.refused("No " + role + " among provided members");
        }
        return selected;
    }

    /** Prints the table and asks, unless forced. */
    static void confirm(
            Terminal terminal, GetClusterReply cluster, List<MemberRow> members, String action, boolean force) {
        new ClusterTable(cluster, Format.pretty, false).lines().forEach(terminal::print);
        String names =
                String.join(", ", members.stream().map(MemberRow::getName).toList());
        if (!force && !terminal.confirm("Are you sure you want to " + action + " members " + names + "?")) {
            throw CtlException.refused("Aborted " + action);
        }
    }

    static void failed(Terminal terminal, String action, String member, ActionReply reply) {
        terminal.print("Failed: " + action + " for member " + member + ", status code=" + reply.getStatus() + ", ("
                + reply.getMessage() + ")");
    }
}
