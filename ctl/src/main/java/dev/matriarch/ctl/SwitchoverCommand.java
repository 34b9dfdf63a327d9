package dev.matriarch.ctl;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "switchover", description = "Hand the leader role over to a replica.")
final class SwitchoverCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(
            names = {"--leader", "--primary", "--master"},
            description = "The current leader.")
    private String leader;

    @Option(names = "--candidate", description = "The member to promote; the best one if not given.")
    private String candidate;

    @Option(names = "--scheduled", description = "When, as ISO 8601; now if not given.")
    private String scheduled;

    @Option(names = "--force", description = "Do not ask.")
    private boolean force;

    @Mixin
    private Report report;

    @Override
    public Integer call() throws Exception {
        return report.told(
                ctl, new LeaderChange(ctl, true, cluster, leader, candidate, scheduled, force, report)::carryOut);
    }
}
