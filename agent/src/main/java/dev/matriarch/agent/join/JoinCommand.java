package dev.matriarch.agent.join;

import dev.matriarch.agent.cli.HostCheck;
import dev.matriarch.agent.cli.ThisHost;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.LocalConfig;
import dev.matriarch.agent.config.NodeKind;
import dev.matriarch.agent.config.Problem;
import dev.matriarch.agent.config.WitnessConfig;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code matriarch join TOKEN}. Exit codes: 0 done, 1 refused, 2 wrong usage. */
@Command(
        name = "matriarch join",
        sortOptions = false,
        description = {
            "Make this host a member of a running cluster, its witness or a listener: its certificate and its"
                    + " configuration, for the agent that is started then.",
            "As the agent's user. TOKEN is what matriarchctl cluster token has printed; it counts once."
        })
public final class JoinCommand implements Callable<Integer> {
    private static final int REFUSED = 1;
    /** The agents of a cluster under load, or one that starts just now, answer within it. */
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private static final Path FOLDER = Path.of("/etc/matriarch");

    @Parameters(paramLabel = "TOKEN", description = "Or - to read it from the standard input.")
    private String token;

    @ArgGroup(exclusive = true, multiplicity = "0..1")
    private Kind kind = new Kind();

    /** One of them, or neither: a member. */
    static final class Kind {
        @Option(
                names = "--witness",
                description = "As a witness: a vote in the store, without PostgreSQL, on a host of its own.")
        private boolean witness;

        @Option(
                names = "--listener",
                description = "As a listener: a copy of the store without a vote and without PostgreSQL, which answers"
                        + " HTTP, on a router's or a dashboard's host.")
        private boolean listener;

        private NodeKind given() {
            if (listener) {
                return NodeKind.LISTENER;
            }
            return witness ? NodeKind.WITNESS : NodeKind.MEMBER;
        }
    }

    @Option(names = "--name", paramLabel = "NAME", description = "Of the new member; the host's name if not given.")
    private Optional<String> name = Optional.empty();

    @Option(
            names = "--address",
            paramLabel = "HOST",
            description =
                    "Address or name by which the others call this host, without a port; if not given, the address"
                            + " that leads to the member that is asked.")
    private Optional<String> address = Optional.empty();

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "The configuration to write: /etc/matriarch/matriarch.yml if not given, with --dir"
                    + " DIR/matriarch.yml; of a witness witness.yml, of a listener listener.yml.")
    private Optional<Path> configuration = Optional.empty();

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description = "Put everything there: store, certificates, data. If not given, where the other members have"
                    + " it.")
    private Optional<Path> directory = Optional.empty();

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    private boolean help;

    private final Map<String, String> environment;
    private final Duration patience;
    private final Supplier<Instant> wall;
    private final PrintStream out;
    private final PrintStream err;

    private JoinCommand(
            Map<String, String> environment,
            Duration patience,
            Supplier<Instant> wall,
            PrintStream out,
            PrintStream err) {
        this.environment = environment;
        this.patience = patience;
        this.wall = wall;
        this.out = out;
        this.err = err;
    }

    /**
     * @param arguments after the word {@code join}
     * @return the exit code
     */
    public static int run(String[] arguments, Map<String, String> environment, PrintStream out, PrintStream err) {
        return run(arguments, environment, PATIENCE, Instant::now, out, err);
    }

    /**
     * @param patience for how long members that do not answer are asked again
     * @param wall this host's clock
     */
    static int run(
            String[] arguments,
            Map<String, String> environment,
            Duration patience,
            Supplier<Instant> wall,
            PrintStream out,
            PrintStream err) {
        CommandLine line = new CommandLine(new JoinCommand(environment, patience, wall, out, err));
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        line.setExecutionExceptionHandler((failure, command, parsed) -> {
            err.println("matriarch: " + (failure instanceof IOException ? failure.getMessage() : failure.toString()));
            return REFUSED;
        });
        return line.execute(arguments);
    }

    @Override
    public Integer call() throws IOException {
        String text = token.equals("-") ? new String(System.in.readNBytes(65_536)) : token;
        Optional<Path> home = directory.map(d -> d.toAbsolutePath().normalize());
        NodeKind wanted = kind.given();
        Path service = FOLDER.resolve((wanted == NodeKind.MEMBER ? "matriarch" : wanted.word()) + ".yml");
        Path file = configuration
                .map(f -> f.toAbsolutePath().normalize())
                .orElseGet(() -> home.map(d -> d.resolve(service.getFileName())).orElse(service));
        new Joining(
                        JoinToken.parse(text),
                        new Joining.Wishes(name.orElseGet(ThisHost::name), address, file, home, wanted),
                        patience,
                        wall,
                        out)
                .run();
        List<Problem> problems = problems(wanted, file);
        if (!problems.isEmpty()) {
            out.println("Before it starts, look at:");
            problems.forEach(p -> out.println("  " + p.text()));
        }
        boolean packaged = file.equals(service);
        out.println(
                switch (wanted) {
                    case MEMBER ->
                        "Now start the agent: "
                                + (packaged ? "systemctl enable --now matriarch" : "matriarch " + file)
                                + "\nThe store takes it in by itself within a day, and it becomes a replica:"
                                + " matriarchctl list, matriarchctl raft list-peers";
                    case WITNESS ->
                        start("witness", packaged, file)
                                + "\nThe store takes it in by itself within a day: matriarchctl raft autopilot state";
                    case LISTENER ->
                        start("listener", packaged, file)
                                + "\nThe store takes it in by itself within a day, without a vote: matriarchctl raft"
                                + " list-peers";
                });
        return 0;
    }

    private static String start(String word, boolean packaged, Path file) {
        return "Now start the " + word + ": "
                + (packaged ? "systemctl enable --now matriarch-" + word : "matriarch " + word + " " + file);
    }

    private List<Problem> problems(NodeKind kind, Path file) {
        try {
            return switch (kind) {
                case MEMBER -> new HostCheck(LocalConfig.read(Optional.of(file), environment), false).problems();
                case WITNESS -> {
                    WitnessConfig.load(file, environment);
                    yield List.of();
                }
                case LISTENER -> {
                    WitnessConfig.loadListener(file, environment);
                    yield List.of();
                }
            };
        } catch (ConfigProblems found) {
            return found.problems();
        }
    }
}
