package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.ReloadRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "reload", description = "Have members read their configuration again.")
final class ReloadCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "1..*", paramLabel = "CLUSTER [MEMBER]")
    private List<String> names = new ArrayList<>();

    @Option(
            names = {"-r", "--role"},
            converter = Role.Converter.class,
            defaultValue = "any",
            description = "Only members with this role.")
    private Role role;

    @Option(names = "--force", description = "Do not ask.")
    private boolean force;

    @Override
    public Integer call() {
        Terminal terminal = ctl.terminal();
        try (Agents agents = ctl.reach()) {
            List<MemberRow> members = Selection.of(agents.cluster(), names, role);
            Selection.confirm(terminal, agents.cluster(), members, "reload", force);
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
                        terminal.print("Failed: reload for member " + name + ", status code=" + reply.getStatus()
                                + ", (" + reply.getMessage() + ")");
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
