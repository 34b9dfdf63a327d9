package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.ActionReply;
import dev.matriarch.proto.control.v1.MemberRow;
import dev.matriarch.proto.control.v1.ReinitializeRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "reinit", description = "Clone replicas afresh; what they have is deleted.")
final class ReinitCommand implements Callable<Integer> {
    private static final Duration LONGEST_CLONE = Duration.ofHours(24);
    /** A member publishes that it clones at its next heartbeat at the latest. */
    private static final Duration BEGINS_WITHIN = Duration.ofSeconds(15);

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

    @Override
    public Integer call() throws InterruptedException {
        Terminal terminal = ctl.terminal();
        try (Agents agents = ctl.reach()) {
            List<MemberRow> members = choose(agents, terminal);
            if (cancel) {
                return cancel(agents, terminal, members);
            }
            Selection.confirm(terminal, agents.cluster(), members, "reinitialize", force);
            int code = 0;
            List<String> started = new ArrayList<>();
            for (MemberRow member : members) {
                String name = member.getName();
                ActionReply reply = ask(agents, name, force);
                if (reply.getStatus() != 200
                        && reply.getMessage().endsWith("already in progress")
                        && !force
                        && terminal.confirm(
                                reply.getMessage() + ". Do you want to cancel it and reinitialize anyway?")) {
                    reply = ask(agents, name, true);
                }
                if (reply.getStatus() == 200) {
                    terminal.print("Success: reinitialize for member " + name);
                    started.add(name);
                } else {
                    Selection.failed(terminal, "reinitialize", name, reply);
                    code = CtlException.REFUSED;
                }
            }
            if (wait && !started.isEmpty() && !await(agents, terminal, started)) {
                code = CtlException.REFUSED;
            }
            return code;
        }
    }

    private static int cancel(Agents agents, Terminal terminal, List<MemberRow> members) {
        int code = 0;
        for (MemberRow member : members) {
            ReinitializeRequest request = ReinitializeRequest.newBuilder()
                    .setMember(member.getName())
                    .setCancel(true)
                    .build();
            ActionReply reply = agents.call(stub -> stub.reinitialize(request));
            if (reply.getStatus() == 200) {
                terminal.print("Success: " + member.getName() + ": " + reply.getMessage());
            } else {
                Selection.failed(terminal, "cancel reinitialize", member.getName(), reply);
                code = CtlException.REFUSED;
            }
        }
        return code;
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

    private ActionReply ask(Agents agents, String name, boolean cancelRunning) {
        ReinitializeRequest request = ReinitializeRequest.newBuilder()
                .setMember(name)
                .setForce(cancelRunning)
                .setFromLeader(fromLeader)
                .build();
        return agents.call(stub -> stub.reinitialize(request));
    }

    private static boolean await(Agents agents, Terminal terminal, List<String> started) throws InterruptedException {
        terminal.print("Waiting for reinitialize to complete on: " + String.join(", ", started));
        List<String> open = new ArrayList<>(started);
        List<String> seenCloning = new ArrayList<>();
        long begin = System.nanoTime();
        while (System.nanoTime() - begin < LONGEST_CLONE.toNanos()) {
            TimeUnit.SECONDS.sleep(1);
            boolean mustHaveBegun = System.nanoTime() - begin > BEGINS_WITHIN.toNanos();
            for (MemberRow member : agents.refresh().getMembersList()) {
                boolean runs = member.getState().equals("running")
                        || member.getState().equals("streaming")
                        || member.getState().equals("in archive recovery");
                if (!runs) {
                    seenCloning.add(member.getName());
                } else if ((mustHaveBegun || seenCloning.contains(member.getName())) && open.remove(member.getName())) {
                    terminal.print("Reinitialize is completed on: " + member.getName());
                }
            }
            if (open.isEmpty()) {
                return true;
            }
        }
        terminal.print("Failed: reinitialize is not complete after " + LONGEST_CLONE.toHours() + " hours on: "
                + String.join(", ", open));
        return false;
    }
}
