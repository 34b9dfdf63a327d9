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

    @Override
    public Integer call() {
        Terminal terminal = ctl.terminal();
        try (Agents agents = ctl.reach()) {
            List<MemberRow> members = targets.among(agents, names);
            targets.confirm(terminal, agents, members, "reload");
            int code = 0;
            for (MemberRow member : members) {
                String name = member.getName();
                ReloadRequest request =
                        ReloadRequest.newBuilder().setMember(name).build();
                ActionReply reply = agents.call(stub -> stub.reload(request));
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
                        code = CtlException.REFUSED;
                    }
                }
            }
            return code;
        }
    }

    static String seconds(double value) {
        return value == Math.rint(value) ? String.valueOf((long) value) : String.valueOf(value);
    }
}
