package dev.matriarch.ctl;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

@Command(name = "list", description = "List the members of the cluster.")
final class ListCommand implements Callable<Integer> {
    @ParentCommand
    private Matriarchctl ctl;

    @Parameters(arity = "0..1", paramLabel = "CLUSTER")
    private String cluster;

    @Option(
            names = {"-e", "--extended"},
            description = "Show all columns.")
    private boolean extended;

    @Option(
            names = {"-t", "--timestamp"},
            description = "Print the time first.")
    private boolean timestamp;

    @Option(
            names = {"-f", "--format", "-o", "--output"},
            defaultValue = "pretty",
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
        print(ctl, cluster, format, extended, timestamp, watchTwo ? 2 : watch);
        return 0;
    }

    /** @param watch seconds between repetitions; 0: once */
    static void print(
            Matriarchctl ctl, String cluster, Format format, boolean extended, boolean timestamp, double watch)
            throws InterruptedException {
        Screen.Picture picture = size -> {
            List<String> lines = new ArrayList<>();
            if (timestamp) {
                lines.add(now());
            }
            // A new connection each time: while watching, the agent that answered may be the one that goes away.
            try (Agents agents = ctl.reach(cluster)) {
                lines.addAll(CitusGroups.table(ctl, agents, format, extended));
            }
            return lines;
        };
        if (watch <= 0) {
            picture.lines(Screen.Size.ANY).forEach(ctl.terminal()::print);
            return;
        }
        try (Screen screen = Screen.open(ctl.terminal())) {
            screen.repeat(watch, 0, picture);
        }
    }

    static String now() {
        return LocalDateTime.now().format(DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss"));
    }
}
