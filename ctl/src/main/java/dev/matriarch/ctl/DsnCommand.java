package dev.matriarch.ctl;

import dev.matriarch.proto.control.v1.MemberRow;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "dsn",
        description = "Print where a member's PostgreSQL is, for psql: the leader's unless told otherwise.")
final class DsnCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Mixin
    private Chosen chosen;

    @Override
    public Integer call() {
        chosen.check();
        try (Agents agents = ctl.reach(cluster)) {
            List<MemberRow> members = chosen.among(agents.cluster());
            if (members.isEmpty()) {
                throw CtlException.refused("Can not find a suitable member");
            }
            MemberRow member = Chosen.any(members);
            ctl.terminal().print("host=" + member.getHost() + " port=" + member.getPort());
            return 0;
        }
    }
}
