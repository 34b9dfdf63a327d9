package dev.matriarch.agent.cli;

import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.LocalConfig;
import dev.matriarch.agent.config.Problem;
import dev.matriarch.agent.service.Predecessor;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The command line of {@code matriarch}. Exit codes: 0 done, 1 refused or problems found, 2 wrong usage. */
@Command(
        name = "matriarch",
        sortOptions = false,
        description = "Runs the agent that looks after one PostgreSQL server, in the foreground, until SIGTERM. SIGHUP"
                + " makes it read its configuration again. Without FILE, the configuration comes from the environment:"
                + " PATRONI_CONFIGURATION as a whole document, or single PATRONI_* variables. 'matriarch witness FILE' runs a"
                + " witness instead: a vote in the built-in store, without PostgreSQL. 'matriarch listener FILE' runs a listener:"
                + " a copy of the store without a vote, which answers HTTP, for routers and dashboards.")
public final class Invocation implements Callable<Integer> {
    private static final int REFUSED = 1;
    private static final Duration LONGEST_LEAVE = Duration.ofSeconds(30);

    /** Starts an agent; returns its exit code. */
    public interface Start {
        int agent(Optional<Path> configuration);
    }

    @ArgGroup(exclusive = true, multiplicity = "0..1")
    private Task task = new Task();

    static final class Task {
        @Option(
                names = "--validate-config",
                description = "Only say what is wrong with the configuration and with what it names on this host, one"
                        + " problem a line. Exit code 1 if there is any.")
        private boolean validate;

        @Option(
                names = "--generate-sample-config",
                description = "Write a configuration to start from, to FILE or standard output.")
        private boolean sample;

        @Option(
                names = "--generate-config",
                description =
                        "Write a configuration for the running PostgreSQL server that --dsn, or the PG* variables,"
                                + " lead to, to FILE or standard output. Needs a superuser.")
        private boolean generate;
    }

    @Option(
            names = {"-p", "--print"},
            description = "Print the configuration with everything merged, without secrets. Implies --validate-config.")
    private boolean print;

    @Option(
            names = {"-i", "--ignore-listen-port"},
            description = "With --validate-config: ports may be in use, as they are while the agent runs.")
    private boolean ignoreListenPorts;

    @Option(
            names = "--dsn",
            paramLabel = "DSN",
            description = "With --generate-config: 'host=… port=… user=… dbname=…' or postgresql://user@host:port/db."
                    + " A password is better left to PGPASSWORD, a password file, or the question that is asked.")
    private Optional<String> dsn = Optional.empty();

    @Option(
            names = "--handover",
            description =
                    "First ask the agent that runs with FILE to end and to leave PostgreSQL running, then go on in its"
                            + " place. Without such an agent this one just starts.")
    private boolean handover;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    private boolean help;

    @Option(names = "--version", versionHelp = true, description = "Show the version.")
    private boolean version;

    @Parameters(arity = "0..1", paramLabel = "FILE", description = "A YAML file, or a directory of *.yml files.")
    private Optional<Path> file = Optional.empty();

    @Spec
    private CommandSpec spec;

    private final Map<String, String> environment;
    private final Start start;
    private final PrintStream out;
    private final PrintStream err;

    private Invocation(Map<String, String> environment, Start start, PrintStream out, PrintStream err) {
        this.environment = environment;
        this.start = start;
        this.out = out;
        this.err = err;
    }

    /**
     * @param version to print when asked for
     * @param environment of the process
     * @return the exit code
     */
    public static int run(
            String[] arguments,
            String version,
            Map<String, String> environment,
            Start start,
            PrintStream out,
            PrintStream err) {
        CommandLine line = new CommandLine(new Invocation(environment, start, out, err));
        line.getCommandSpec().version("matriarch " + version);
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        line.setExecutionExceptionHandler((failure, command, parsed) -> {
            if (failure instanceof ParameterException wrong) {
                throw wrong;
            }
            err.println("matriarch: " + (failure instanceof Refusal ? failure.getMessage() : failure.toString()));
            return REFUSED;
        });
        int code = line.execute(arguments);
        out.flush();
        return code;
    }

    @Override
    public Integer call() throws Exception {
        boolean validate = task.validate || print;
        requireWith(ignoreListenPorts, validate, "--ignore-listen-port goes with --validate-config");
        requireWith(dsn.isPresent(), task.generate, "--dsn goes with --generate-config");
        requireWith(handover, !validate && !task.sample && !task.generate, "--handover starts an agent");
        requireWith(print, !task.sample && !task.generate, "--print goes with --validate-config");
        if (task.sample) {
            return write(SampleConfig.text(environment));
        }
        if (task.generate) {
            return write(RunningServer.describe(dsn, environment, err));
        }
        if (file.isEmpty() && environment.keySet().stream().noneMatch(name -> name.startsWith("PATRONI_"))) {
            throw wrongUsage("there is no configuration: give a FILE, or PATRONI_* variables in the environment");
        }
        if (validate) {
            return validate();
        }
        if (handover) {
            // A mistake in the file must not cost the agent that runs.
            if (validate(true) != 0) {
                return REFUSED;
            }
            Predecessor.leave(
                    file.orElseThrow(() -> wrongUsage("--handover needs the FILE of the agent that runs")),
                    LONGEST_LEAVE);
        }
        return start.agent(file);
    }

    private void requireWith(boolean given, boolean other, String otherwise) {
        if (given && !other) {
            throw wrongUsage(otherwise);
        }
    }

    private ParameterException wrongUsage(String sentence) {
        return new ParameterException(spec.commandLine(), sentence);
    }

    private int validate() {
        return validate(ignoreListenPorts);
    }

    private int validate(boolean ignoreListenPorts) {
        List<Problem> problems = new ArrayList<>();
        try {
            LocalConfig config = LocalConfig.read(file, environment);
            if (print) {
                out.print(config.yaml());
            }
            problems.addAll(new HostCheck(config, ignoreListenPorts).problems());
        } catch (ConfigProblems found) {
            problems.addAll(found.problems());
        }
        problems.forEach(problem -> err.println(problem.text()));
        return problems.isEmpty() ? 0 : REFUSED;
    }

    private int write(String text) throws IOException {
        if (file.isEmpty()) {
            out.print(text);
            return 0;
        }
        Path target = file.get().toAbsolutePath();
        Files.createDirectories(target.getParent());
        try {
            // It will hold passwords.
            Files.createFile(
                    target, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        } catch (java.nio.file.FileAlreadyExistsException e) {
            err.println("matriarch: " + target + " exists already and was not changed; name another file");
            return REFUSED;
        }
        Files.writeString(target, text, StandardOpenOption.TRUNCATE_EXISTING);
        return 0;
    }
}
