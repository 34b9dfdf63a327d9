package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.GetActionReply;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.ReinitializeRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "reinit", description = "Clone replicas afresh; what they have is deleted.")
final class ReinitCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "1..*", paramLabel = "CLUSTER [MEMBER]")
    private List<String> names = new ArrayList<>();

    @Option(names = "--from-leader", description = "Copy from the leader, not from a replica.")
    private boolean fromLeader;

    @Option(names = "--cancel", description = "End the copy that is being made; none is begun before the next reinit.")
    private boolean cancel;

    @Option(names = "--wait", description = "Return when the copies are complete.")
    private boolean wait;

    @Option(names = "--force", description = "Do not ask; cancel what runs.")
    private boolean force;

    @Mixin
    private Report report;

    @Override
    public Integer call() throws Exception {
        return report.told(ctl, this::carryOut);
    }

    private int carryOut() throws InterruptedException {
        Terminal terminal = ctl.terminal();
        try (Agents agents = ctl.reach()) {
            List<MemberRow> members = choose(agents, terminal);
            if (cancel) {
                return cancel(agents, terminal, members);
            }
            Selection.confirm(terminal, agents.cluster(), members, "reinitialize", force);
            try (OneByOne each = new OneByOne(ctl, agents, report, "reinit")) {
                if (wait) {
                    each.remember();
                }
                Clones clones = new Clones(ctl, each, report);
                try {
                    int code = each.give(members, (asked, member) -> ask(each, clones, member.getName()));
                    if (wait) {
                        code = Math.max(code, clones.await());
                    }
                    return Math.max(code, clones.doubts());
                } finally {
                    clones.report();
                }
            }
        }
    }

    /** @param clones is given what begins */
    private int ask(OneByOne each, Clones clones, String name) {
        Terminal terminal = ctl.terminal();
        Following following = new Following(each::agents, terminal, name);
        ActionReply reply = ask(each.agents(), name, force, following.id());
        if (reply.getStatus() != 200
                && reply.getMessage().endsWith("already in progress")
                && !force
                && terminal.confirm(reply.getMessage() + ". Do you want to cancel it and reinitialize anyway?")) {
            following = new Following(each::agents, terminal, name);
            reply = ask(each.agents(), name, true, following.id());
        }
        boolean lost = false;
        if (reply.getStatus() == 503 && reply.getActionId().equals(following.id())) {
            // Refused there, or passed on and the answer was lost: its member knows.
            GetActionReply now = following.action();
            lost = !now.hasResult();
            reply = lost ? reply : now.getResult();
        }
        if (reply.getStatus() == 200) {
            terminal.print("Success: reinitialize for member " + name);
            clones.add(name, reply, following);
            return 0;
        }
        Selection.failed(terminal, "reinitialize", name, reply);
        if (lost) {
            clones.add(name, reply, following);
            return 0;
        }
        report.add(each.agents().cluster().getScope(), "reinit", name, reply, following);
        return CtlException.REFUSED;
    }

    private int cancel(Agents agents, Terminal terminal, List<MemberRow> members) {
        try (OneByOne each = new OneByOne(ctl, agents, report, "cancel reinit")) {
            return each.give(members, (asked, member) -> cancel(asked, terminal, member.getName()));
        }
    }

    private int cancel(Agents agents, Terminal terminal, String name) {
        String id = Following.newId();
        ReinitializeRequest request = ReinitializeRequest.newBuilder()
                .setMember(name)
                .setCancel(true)
                .setActionId(id)
                .build();
        String scope = agents.cluster().getScope();
        ActionReply reply = report.given(
                scope, "cancel reinit", List.of(name), id, () -> agents.call(stub -> stub.reinitialize(request)));
        report.add(scope, "cancel reinit", List.of(name), reply, List.of());
        if (reply.getStatus() == 200) {
            terminal.print("Success: " + name + ": " + reply.getMessage());
            return 0;
        }
        Selection.failed(terminal, "cancel reinitialize", name, reply);
        return CtlException.REFUSED;
    }

    private List<MemberRow> choose(Agents agents, Terminal terminal) {
        List<MemberRow> members = Selection.of(agents.cluster(), names, Role.REPLICA);
        boolean named =
                names.size() > 1 || !names.getFirst().equals(agents.cluster().getScope());
        if (named) {
            return members;
        }
        if (force) {
            throw CtlException.usage("name the members to reinitialize");
        }
        String list = String.join(", ", members.stream().map(MemberRow::getName).toList());
        String name = terminal.ask("Which member do you want to reinitialize [" + list + "]?", "");
        return Selection.of(agents.cluster(), List.of(name), Role.REPLICA);
    }

    private ActionReply ask(Agents agents, String name, boolean cancelRunning, String id) {
        ReinitializeRequest request = ReinitializeRequest.newBuilder()
                .setMember(name)
                .setForce(cancelRunning)
                .setFromLeader(fromLeader)
                .setActionId(id)
                .build();
        return report.given(
                agents.cluster().getScope(),
                "reinit",
                List.of(name),
                id,
                () -> agents.call(stub -> stub.reinitialize(request)));
    }
}
