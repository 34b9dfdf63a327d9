package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.RemoveClusterRequest;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Three questions and no way around them. */
@Command(
        name = "remove",
        description = {
            "Remove all that the store holds about the cluster, after three questions.",
            "Data directories stay as they are. Refused by the agents while anything of the cluster runs."
        })
final class RemoveCommand implements Callable<Integer> {
    private static final String AWARE = "Yes I am aware";

    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(paramLabel = "CLUSTER")
    private String cluster;

    @Mixin
    private Report report;

    @Override
    public Integer call() throws Exception {
        return report.told(ctl, this::carryOut);
    }

    private int carryOut() {
        Terminal terminal = ctl.terminal();
        try (Agents agents = ctl.reach(cluster)) {
            if (ctl.group() == null && agents.groups().isPresent()) {
                throw CtlException.refused("For Citus clusters the --group must me specified");
            }
            CitusGroups.table(ctl, agents, Format.pretty, false).forEach(terminal::print);
            if (!terminal.ask("Please confirm the cluster name to remove").equals(cluster)) {
                throw CtlException.refused("Cluster names specified do not match");
            }
            String question = "You are about to remove all information in DCS for " + cluster + ", please type: \""
                    + AWARE + "\"";
            if (!terminal.ask(question).equals(AWARE)) {
                throw CtlException.refused("You did not exactly type \"" + AWARE + "\"");
            }
            Optional<String> leader = agents.cluster().getMembersList().stream()
                    .filter(ClusterTable::leads)
                    .map(MemberRow::getName)
                    .findFirst();
            if (leader.isPresent()
                    && !leader.get()
                            .equals(terminal.ask("This cluster currently is healthy. Please specify the leader name to"
                                    + " continue"))) {
                throw CtlException.refused("You did not specify the current leader of the cluster");
            }
            ActionReply reply = report.given(
                    cluster,
                    "remove",
                    List.of(),
                    "",
                    () -> agents.call(stub -> stub.removeCluster(
                            RemoveClusterRequest.newBuilder().setScope(cluster).build())));
            report.add(cluster, "remove", List.of(), reply, List.of());
            if (reply.getStatus() == 200) {
                terminal.print("Success: " + reply.getMessage());
                return 0;
            }
            terminal.print("Failed: remove cluster " + cluster + ", status code=" + reply.getStatus() + ", ("
                    + reply.getMessage() + ")");
            return CtlException.REFUSED;
        }
    }
}
