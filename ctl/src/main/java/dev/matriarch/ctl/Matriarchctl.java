package dev.matriarch.ctl;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The command line client of a cluster's agents. */
@Command(
        name = "matriarchctl",
        description = "Looks after a Matriarch cluster by asking any of its agents.",
        synopsisSubcommandLabel = "COMMAND")
public final class Matriarchctl {
    @Option(
            names = {"-c", "--config-file"},
            paramLabel = "FILE",
            scope = ScopeType.INHERIT,
            description = "The agent's configuration, or one with ctl.endpoints.")
    private String configFile;

    @Option(
            names = "--endpoint",
            paramLabel = "HOST:PORT",
            scope = ScopeType.INHERIT,
            description = "An agent's control port; may be given several times. Replaces those of the configuration.")
    private List<String> endpoints = new ArrayList<>();

    @Option(
            names = {"-d", "--dcs-url", "--dcs"},
            paramLabel = "URL",
            hidden = true)
    private String storeUrl;

    @Option(
            names = {"-k", "--insecure"},
            scope = ScopeType.INHERIT,
            description = "Do not check whose certificate an agent shows.")
    private boolean insecure;

    @Option(
            names = "--group",
            paramLabel = "NUMBER",
            scope = ScopeType.INHERIT,
            description = "The Citus group that is meant. Without it: all groups for list and topology, else the one"
                    + " whose agents are asked.")
    private Integer group;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = ScopeType.INHERIT,
            description = "Show this help.")
    private boolean help;

    private Terminal terminal;

    Matriarchctl(Terminal terminal) {
        this.terminal = terminal;
    }

    public static void main(String[] args) {
        startQuickly();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, Charset.defaultCharset()));
        int code = run(args, new Terminal(in, System.out, System.err, System.getenv(), System.console()));
        System.out.flush();
        System.exit(code);
    }

    /** What a server wants of the network library, a program that asks one question need not wait for. */
    private static void startQuickly() {
        String netty = "io.grpc.netty.shaded.io.netty.";
        // Java's own sockets do; the native ones would be unpacked to /tmp at each start.
        System.setProperty(netty + "transport.noNative", "true");
        System.setProperty(netty + "allocator.type", "unpooled");
        System.setProperty(netty + "jfr.enabled", "false");
        // Names of connections are unique in this process alone: no search for a hardware address.
        System.setProperty(netty + "machineId", "00:00:00:00:00:01");
        System.setProperty(netty + "processId", "1");
    }

    /** @return 0 done, 1 refused or failed, 2 wrong usage, 3 nobody reachable */
    static int run(String[] args, Terminal terminal) {
        CommandLine line = commandLine(terminal, Verbs.among(args));
        line.setOut(new PrintWriter(new LineSink(terminal::print), true));
        line.setErr(new PrintWriter(new LineSink(terminal::complain), true));
        line.setExecutionExceptionHandler((failure, command, parsed) -> {
            if (failure instanceof CtlException e) {
                terminal.complain(e.isAbort() ? e.getMessage() : "Error: " + e.getMessage());
                return e.exitCode();
            }
            terminal.complain("Error: " + failure);
            return CtlException.REFUSED;
        });
        return line.execute(args);
    }

    /** With all commands. */
    static CommandLine commandLine(Terminal terminal) {
        return commandLine(terminal, Verbs.ALL.keySet());
    }

    private static CommandLine commandLine(Terminal terminal, Collection<String> verbs) {
        CommandLine line = new CommandLine(new Matriarchctl(terminal));
        for (String verb : verbs) {
            Object command = Verbs.ALL.get(verb).get();
            line.addSubcommand(verb, command);
            CommandLine added = line.getSubcommands().get(verb);
            if (command instanceof GoneCommand) {
                // Whatever options it had.
                added.setUnmatchedOptionsArePositionalParams(true);
            }
            if (command instanceof QueryCommand) {
                shortNameForSql(added.getCommandSpec());
            }
        }
        return line;
    }

    /** There {@code -c} means the statement, as with Patroni; the configuration file keeps its long name. */
    private static void shortNameForSql(CommandSpec query) {
        OptionSpec configFile = query.findOption("--config-file");
        OptionSpec statement = query.findOption("--command");
        query.remove(configFile);
        query.remove(statement);
        query.addOption(OptionSpec.builder(configFile).names("--config-file").build());
        query.addOption(OptionSpec.builder(statement).names("-c", "--command").build());
    }

    Terminal terminal() {
        return terminal;
    }

    /** From now on {@link #terminal} prints to the standard error. @return what prints to the standard output */
    Terminal proseAside() {
        Terminal before = terminal;
        terminal = before.aside();
        return before;
    }

    /** Connects to the first agent that answers. */
    Agents reach() {
        return reach(settings());
    }

    /** The same among these. */
    Agents reach(Settings settings) {
        Agents agents = Agents.reach(settings);
        return group == null ? agents : CitusGroups.switchTo(agents, group);
    }

    /** Of {@code --group}; null: not given. */
    Integer group() {
        return group;
    }

    void group(int chosen) {
        group = chosen;
    }

    /** Connects, and checks that the cluster is the one that was named; null: any. */
    Agents reach(String clusterName) {
        Agents agents = reach();
        try {
            check(clusterName, agents.cluster().getScope());
            return agents;
        } catch (CtlException e) {
            agents.close();
            throw e;
        }
    }

    /** @param clusterName null: any */
    static void check(String clusterName, String scope) {
        if (clusterName != null && !clusterName.equals(scope)) {
            throw CtlException.refused(
                    "the agents that were asked belong to cluster '" + scope + "', not to '" + clusterName + "'");
        }
    }

    Settings settings() {
        StoreUrl.check(storeUrl, terminal);
        return Settings.load(configFile, endpoints, insecure, terminal);
    }
}
