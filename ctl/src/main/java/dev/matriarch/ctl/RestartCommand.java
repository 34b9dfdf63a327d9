package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.RestartRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "restart", description = "Restart PostgreSQL of members.")
final class RestartCommand implements Callable<Integer> {
    /** For a restart that waits as long as the cluster's configuration allows. */
    private static final Duration LONGEST = Duration.ofMinutes(30);

    private static final Duration MARGIN = Duration.ofSeconds(20);

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

    @Option(names = "--any", description = "Only one of them, chosen at random.")
    private boolean any;

    @Option(names = "--pg-version", description = "Only members that run a version lower than this.")
    private String version = "";

    @Option(names = "--pending", description = "Only members that wait for a restart.")
    private boolean pending;

    @Option(names = "--timeout", paramLabel = "SECONDS", description = "How long a restart may take.")
    private Double timeout;

    @Option(names = "--force", description = "Do not ask.")
    private boolean force;

    @Override
    public Integer call() {
        if (timeout != null && !(timeout > 0)) {
            throw CtlException.usage("--timeout must be a positive number of seconds");
        }
        Terminal terminal = ctl.terminal();
        try (Agents agents = ctl.reach()) {
            List<MemberRow> members = Selection.of(agents.cluster(), names, role);
            if (pending) {
                members = members.stream().filter(MemberRow::getPendingRestart).toList();
                if (members.isEmpty()) {
                    terminal.print("No member waits for a restart; nothing was done");
                    return 0;
                }
            }
            if (any) {
                members = List.of(members.get(ThreadLocalRandom.current().nextInt(members.size())));
            }
            Selection.confirm(terminal, agents.cluster(), members, "restart", force);
            Duration limit = timeout == null
                    ? LONGEST
                    : Duration.ofMillis(Math.round(timeout * 1000)).plus(MARGIN);
            int code = 0;
            for (MemberRow member : members) {
                RestartRequest request = RestartRequest.newBuilder()
                        .setMember(member.getName())
                        .setTimeoutSeconds(timeout == null ? 0 : timeout)
                        .setPostgresVersion(version)
                        .setOnlyIfPending(pending)
                        .build();
                ActionReply reply = agents.call(limit, stub -> stub.restart(request));
                if (reply.getStatus() == 200) {
                    terminal.print("Success: restart on member " + member.getName());
                } else {
                    terminal.print("Failed: restart for member " + member.getName() + ", status code="
                            + reply.getStatus() + ", (" + reply.getMessage() + ")");
                    code = CtlException.REFUSED;
                }
            }
            return code;
        }
    }
}
