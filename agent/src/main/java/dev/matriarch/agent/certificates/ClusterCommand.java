package dev.matriarch.agent.certificates;

import dev.matriarch.agent.config.ConfigProblems;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What {@code matriarch cluster} does on this host's files. Exit codes: 0 done, 1 refused, 2 wrong usage or bad configuration. */
@Command(
        name = "matriarch cluster",
        synopsisSubcommandLabel = "COMMAND",
        description = "Makes certificates of the cluster's own authority on this host.")
public final class ClusterCommand {
    private static final int REFUSED = 1;
    private static final int BAD_CONFIGURATION = 2;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = CommandLine.ScopeType.INHERIT,
            description = "Show this help.")
    private boolean help;

    private final Map<String, String> environment;
    private final PrintStream out;
    private final PrintStream err;

    private ClusterCommand(Map<String, String> environment, PrintStream out, PrintStream err) {
        this.environment = environment;
        this.out = out;
        this.err = err;
    }

    /**
     * @param arguments after the word {@code cluster}
     * @return the exit code
     */
    public static int run(String[] arguments, Map<String, String> environment, PrintStream out, PrintStream err) {
        CommandLine line = new CommandLine(new ClusterCommand(environment, out, err));
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        line.setExecutionExceptionHandler((failure, command, parsed) -> {
            err.println("matriarch: " + (failure instanceof IOException ? failure.getMessage() : failure.toString()));
            return REFUSED;
        });
        return line.execute(arguments);
    }

    @Command(
            name = "init",
            description = {
                "Make an authority, and this node's certificate of it, and add a section tls to FILE if it has none.",
                "On the first node of a cluster, as the agent's user, before its agent starts."
            })
    int init(
            @Option(
                            names = "--authority",
                            paramLabel = "PEM",
                            description =
                                    "For a further node: the first one's authority.pem. No other authority is made then.")
                    Path authority,
            @Parameters(paramLabel = "FILE", description = "The agent's configuration.") Path file)
            throws IOException {
        try {
            new ClusterInit(environment, out).run(file, Optional.ofNullable(authority), Instant.now());
            return 0;
        } catch (ConfigProblems problems) {
            err.println(problems.getMessage());
            return BAD_CONFIGURATION;
        }
    }
}
