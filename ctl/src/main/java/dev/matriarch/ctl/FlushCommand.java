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

    @Mixin
    private Report report;

    @Override
    public Integer call() throws Exception {
        return report.told(ctl, this::carryOut);
    }

    private int carryOut() {
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
        try (OneByOne each = new OneByOne(ctl, agents, report, "flush restart")) {
            return each.give(members, (asked, member) -> restart(terminal, asked, member));
        }
    }

    private int restart(Terminal terminal, Agents agents, MemberRow member) {
        String name = member.getName();
        if (member.getScheduledRestart().isEmpty()) {
            String nothing = "No scheduled restart for member " + name;
            terminal.print(nothing);
            report.add(agents.cluster().getScope(), "flush restart", List.of(name), "", 200, nothing);
            return 0;
        }
        ActionReply reply = restart(agents, report, name);
        if (reply.getStatus() == 200) {
            terminal.print("Success: flush scheduled restart for member " + name);
            return 0;
        }
        Selection.failed(terminal, "flush scheduled restart", name, reply);
        return CtlException.REFUSED;
    }

    /** Forgets the restart that is scheduled for one member. */
    static ActionReply restart(Agents agents, Report report, String name) {
        String scope = agents.cluster().getScope();
        String id = Following.newId();
        CancelRestartRequest request = CancelRestartRequest.newBuilder()
                .setMember(name)
                .setActionId(id)
                .build();
        ActionReply reply = report.given(
                scope, "flush restart", List.of(name), id, () -> agents.call(stub -> stub.cancelRestart(request)));
        report.add(scope, "flush restart", List.of(name), reply, List.of());
        return reply;
    }

    private int switchover(Agents agents) {
        Terminal terminal = ctl.terminal();
        if (!agents.cluster().hasScheduledSwitchover()) {
            String nothing = "No pending scheduled switchover";
            terminal.print(nothing);
            report.add(agents.cluster().getScope(), "flush switchover", List.of(), "", 200, nothing);
            return 0;
        }
        String scope = agents.cluster().getScope();
        String id = Following.newId();
        CancelSwitchoverRequest request =
                CancelSwitchoverRequest.newBuilder().setActionId(id).build();
        ActionReply reply = report.given(
                scope, "flush switchover", List.of(), id, () -> agents.call(stub -> stub.cancelSwitchover(request)));
        report.add(scope, "flush switchover", List.of(), reply, List.of());
        if (reply.getStatus() == 200) {
            terminal.print("Success: " + reply.getMessage());
            return 0;
        }
        terminal.print("Failed: " + reply.getMessage());
        return CtlException.REFUSED;
    }
}
