package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.ReloadRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "reload", description = "Have members read their configuration again.")
final class ReloadCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "1..*", paramLabel = "CLUSTER [MEMBER]")
    private List<String> names = new ArrayList<>();

    @Mixin
    private Targets targets;

    @Mixin
    private Report report;

    @Override
    public Integer call() throws Exception {
        return report.told(ctl, this::carryOut);
    }

    private int carryOut() {
        Terminal terminal = ctl.terminal();
        try (Agents agents = ctl.reach()) {
            List<MemberRow> members = targets.among(agents, names);
            targets.confirm(terminal, agents, members, "reload");
            try (OneByOne each = new OneByOne(ctl, agents, report, "reload")) {
                return each.give(members, (asked, member) -> reload(terminal, asked, member.getName()));
            }
        }
    }

    private int reload(Terminal terminal, Agents agents, String name) {
        Following following = new Following(agents, terminal, name);
        ReloadRequest request = ReloadRequest.newBuilder()
                .setMember(name)
                .setActionId(following.id())
                .build();
        String scope = agents.cluster().getScope();
        ActionReply reply = report.given(
                scope,
                "reload",
                List.of(name),
                following.id(),
                () -> following.until(() -> agents.call(stub -> stub.reload(request))));
        report.add(scope, "reload", name, reply, following);
        switch (reply.getStatus()) {
            case 202 ->
                terminal.print(String.format(
                        Locale.ROOT,
                        "Reload request received for member %s and will be processed within %s seconds",
                        name,
                        seconds(agents.cluster().getLoopWaitSeconds())));
            case 200 -> terminal.print("No changes to apply on member " + name);
            default -> {
                Selection.failed(terminal, "reload", name, reply);
                return CtlException.REFUSED;
            }
        }
        return 0;
    }

    static String seconds(double value) {
        return value == Math.rint(value) ? String.valueOf((long) value) : String.valueOf(value);
    }
}
