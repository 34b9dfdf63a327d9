package dev.matriarch.ctl;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "resume", description = "End the maintenance mode.")
final class ResumeCommand implements Callable<Integer> {
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
        return report.told(ctl, new PauseSwitch(ctl, cluster, false, wait, report)::carryOut);
    }
}
