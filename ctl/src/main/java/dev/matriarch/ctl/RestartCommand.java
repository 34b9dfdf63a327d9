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
import picocli.CommandLine.Mixin;
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

    @Mixin
    private Targets targets;

    @Option(names = "--any", description = "Only one of them, chosen at random.")
    private boolean any;

    @Option(names = "--pg-version", description = "Only members that run a version lower than this.")
    private String version = "";

    @Option(names = "--pending", description = "Only members that wait for a restart.")
    private boolean pending;

    @Option(names = "--timeout", paramLabel = "SECONDS", description = "How long a restart may take.")
    private Double timeout;

    @Option(
            names = "--scheduled",
            paramLabel = "TIME",
            description = "When; ISO 8601, or now. --force replaces an earlier one.")
    private String scheduled;

    @Mixin
    private Report report;

    @Override
    public Integer call() throws Exception {
        return report.told(ctl, this::carryOut);
    }

    private int carryOut() {
        if (timeout != null && !(timeout > 0)) {
            throw CtlException.usage("--timeout must be a positive number of seconds");
        }
        Terminal terminal = ctl.terminal();
        try (Agents agents = ctl.reach()) {
            List<MemberRow> members = targets.among(agents, names);
            if (scheduled == null && !targets.forced()) {
                scheduled = LeaderChange.askTime(terminal, "restart");
            }
            String at = LeaderChange.parseTime(scheduled);
            if (!at.isEmpty() && agents.cluster().getPaused()) {
                throw CtlException.refused("Can't schedule restart in the paused state");
            }
            if (pending && at.isEmpty()) {
                // A later restart looks at its time.
                members = members.stream().filter(MemberRow::getPendingRestart).toList();
                if (members.isEmpty()) {
                    throw CtlException.refused("No member waits for a restart; nothing was done");
                }
            }
            if (any) {
                members = List.of(members.get(ThreadLocalRandom.current().nextInt(members.size())));
            }
            confirm(terminal, agents, members, at);
            if (version.isEmpty() && !targets.forced()) {
                version = terminal.ask("Restart if the PostgreSQL version is less than provided (e.g. 9.5.2) ", "");
            }
            try (OneByOne each = new OneByOne(ctl, agents, report, "restart")) {
                return each.give(members, (asked, member) -> restart(terminal, asked, member, at));
            }
        }
    }

    private void confirm(Terminal terminal, Agents agents, List<MemberRow> members, String at) {
        if (at.isEmpty()) {
            targets.confirm(terminal, agents, members, "restart");
            return;
        }
        new ClusterTable(agents.cluster(), Format.pretty, false).lines().forEach(terminal::print);
        String names =
                String.join(", ", members.stream().map(MemberRow::getName).toList());
        if (!targets.forced()
                && !terminal.confirm(
                        "Are you sure you want to schedule restart of members " + names + " at " + at + "?")) {
            throw CtlException.refused("Aborted scheduled restart");
        }
    }

    private int restart(Terminal terminal, Agents agents, MemberRow member, String at) {
        String name = member.getName();
        if (!at.isEmpty() && targets.forced() && !member.getScheduledRestart().isEmpty()) {
            FlushCommand.restart(agents, report, name);
        }
        Following following = new Following(agents, terminal, name);
        RestartRequest request = RestartRequest.newBuilder()
                .setMember(name)
                .setTimeoutSeconds(timeout == null ? 0 : timeout)
                .setPostgresVersion(version)
                .setOnlyIfPending(pending)
                .setScheduledAt(at)
                .setActionId(following.id())
                .build();
        Duration limit = timeout == null
                ? LONGEST
                : Duration.ofMillis(Math.round(timeout * 1000)).plus(MARGIN);
        String scope = agents.cluster().getScope();
        ActionReply reply = report.given(
                scope,
                "restart",
                List.of(name),
                following.id(),
                () -> following.until(() -> agents.call(limit, stub -> stub.restart(request))));
        report.add(scope, "restart", name, reply, following);
        switch (reply.getStatus()) {
            case 200 -> terminal.print("Success: restart on member " + name);
            case 202 -> terminal.print("Success: restart scheduled on member " + name);
            case 409 -> terminal.print("Failed: another restart is already scheduled on member " + name);
            default -> Selection.failed(terminal, "restart", name, reply);
        }
        return reply.getStatus() == 200 || reply.getStatus() == 202 ? 0 : CtlException.REFUSED;
    }
}
