package dev.matriarch.ctl;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "topology", description = "Print the members as a tree of who replicates from whom.")
final class TopologyCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "topology",
            description = "${COMPLETION-CANDIDATES}")
    private Format format;

    @Option(
            names = {"-w", "--watch"},
            paramLabel = "SECONDS",
            description = "Repeat.")
    private double watch;

    @Option(names = "-W", description = "Repeat every 2 seconds.")
    private boolean watchTwo;

    @Override
    public Integer call() throws InterruptedException {
        ListCommand.print(
                ctl, cluster, format == Format.pretty ? Format.topology : format, false, false, watchTwo ? 2 : watch);
        return 0;
    }
}
