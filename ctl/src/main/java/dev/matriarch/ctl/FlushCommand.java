package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.CancelRestartRequest;
import dev.matriarch.proto.control.v1.CancelSwitchoverRequest;
import dev.matriarch.proto.control.v1.MemberRow;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "flush", description = "Discard what is scheduled: a switchover, or restarts of members.")
final class FlushCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "1..*", paramLabel = "CLUSTER [MEMBER] restart|switchover")
    private List<String> words = new ArrayList<>();

    @Mixin
    private Targets targets;

    @Override
    public Integer call() {
        String target = words.getLast();
        List<String> names = words.subList(0, words.size() - 1);
        if (!target.equals("restart") && !target.equals("switchover")) {
            throw CtlException.usage("the last word says what to discard: restart or switchover, not '" + target + "'");
        }
        try (Agents agents = ctl.reach()) {
            List<MemberRow> members = targets.among(agents, names);
            return target.equals("restart") ? restarts(agents, members) : switchover(agents);
        }
    }

    private int restarts(Agents agents, List<MemberRow> members) {
        Terminal terminal = ctl.terminal();
        targets.confirm(terminal, agents, members, "flush");
        int code = 0;
        for (MemberRow member : members) {
            String name = member.getName();
            if (member.getScheduledRestart().isEmpty()) {
                terminal.print("No scheduled restart for member " + name);
                continue;
            }
            ActionReply reply = agents.call(stub -> stub.cancelRestart(
                    CancelRestartRequest.newBuilder().setMember(name).build()));
            if (reply.getStatus() == 200) {
                terminal.print("Success: flush scheduled restart for member " + name);
            } else {
                Selection.failed(terminal, "flush scheduled restart", name, reply);
                code = CtlException.REFUSED;
            }
        }
        return code;
    }

    private int switchover(Agents agents) {
        Terminal terminal = ctl.terminal();
        if (!agents.cluster().hasScheduledSwitchover()) {
            terminal.print("No pending scheduled switchover");
            return 0;
        }
        ActionReply reply = agents.call(stub -> stub.cancelSwitchover(CancelSwitchoverRequest.getDefaultInstance()));
        if (reply.getStatus() == 200) {
            terminal.print("Success: " + reply.getMessage());
            return 0;
        }
        terminal.print("Failed: " + reply.getMessage());
        return CtlException.REFUSED;
    }
}
