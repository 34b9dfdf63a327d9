package dev.matriarch.ctl;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(
        name = "pause",
        description = "Stop automatic failover; PostgreSQL keeps running whatever happens to the agents.")
final class PauseCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(names = "--wait", description = "Return when all members have recognised it.")
    private boolean wait;

    @Mixin
    private Report report;

    @Override
    public Integer call() throws Exception {
        return report.told(ctl, new PauseSwitch(ctl, cluster, true, wait, report)::carryOut);
    }
}
