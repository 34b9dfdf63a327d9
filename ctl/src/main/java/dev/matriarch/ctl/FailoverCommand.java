package dev.matriarch.ctl;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "failover", description = "Promote a certain member, even if there is no leader or data may be lost.")
final class FailoverCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(names = "--candidate", description = "The member to promote.")
    private String candidate;

    @Option(names = "--force", description = "Do not ask.")
    private boolean force;

    @Mixin
    private Report report;

    @Override
    public Integer call() throws Exception {
        return report.told(ctl, new LeaderChange(ctl, false, cluster, null, candidate, null, force, report)::carryOut);
    }
}
