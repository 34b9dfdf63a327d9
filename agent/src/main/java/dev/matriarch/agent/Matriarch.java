package dev.matriarch.agent;

import dev.matriarch.agent.certificates.ClusterCommand;
import dev.matriarch.agent.cli.Invocation;
import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.join.JoinCommand;
import dev.matriarch.agent.log.Logging;
import dev.matriarch.agent.loop.Agent;
import dev.matriarch.agent.loop.Version;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.agent.service.ServiceNotes;
import dev.matriarch.raft.StoreStartException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code matriarch FILE}: one agent, until SIGTERM; {@code matriarch witness FILE} and {@code matriarch listener FILE}: a {@link Witness}; {@code matriarch cluster}: {@link ClusterCommand}; {@code matriarch join}: {@link JoinCommand}. Exit code 0 after an orderly end, 1 refused, 2 bad configuration. */
public final class Matriarch {
    private static final int REFUSED = 1;
    private static final int BAD_CONFIGURATION = 2;
    /** How long an orderly end may take before the process goes anyway; the guard then has the last word. */
    private static final long LONGEST_END_SECONDS = 120;

    private Matriarch() {}

    public static void main(String[] args) {
        if (args.length == 1 && !args[0].startsWith("-")) {
            // The usual way does not need the parser of the other ones.
            System.exit(agent(Optional.of(Path.of(args[0]))));
        }
        if (args.length == 2 && args[0].equals("witness") && !args[1].startsWith("-")) {
            System.exit(Witness.run(Path.of(args[1])));
        }
        if (args.length == 2 && args[0].equals("listener") && !args[1].startsWith("-")) {
            System.exit(Witness.listen(Path.of(args[1])));
        }
        if (args.length > 1 && args[0].equals("cluster")) {
            String[] rest = Arrays.copyOfRange(args, 1, args.length);
            System.exit(ClusterCommand.run(rest, System.getenv(), System.out, System.err));
        }
        if (args.length > 1 && args[0].equals("join")) {
            String[] rest = Arrays.copyOfRange(args, 1, args.length);
            Logging.warningsOnly();
            int code = JoinCommand.run(rest, System.getenv(), System.out, System.err);
            Logging.end();
            System.exit(code);
        }
        Logging.warningsOnly();
        int code = Invocation.run(args, Version.TEXT, System.getenv(), Matriarch::agent, System.out, System.err);
        Logging.end();
        System.exit(code);
    }

    private static int agent(Optional<Path> file) {
        ConfigSource source;
        try {
            source = new ConfigSource(file, System.getenv());
        } catch (ConfigProblems problems) {
            System.err.println(problems.getMessage());
            return BAD_CONFIGURATION;
        }
        Logging.configure(source.current().config().log());
        return run(source);
    }

    private static int run(ConfigSource first) {
        AgentConfig config = first.current().config();
        Logger log = LoggerFactory.getLogger(Matriarch.class);
        log.info("matriarch {} starts as {} of cluster {}", Version.TEXT, config.name(), config.scope());
        CountDownLatch ended = new CountDownLatch(1);
        AtomicReference<Agent> running = new AtomicReference<>();
        AtomicBoolean stopping = new AtomicBoolean();
        try {
            Files.createDirectories(config.stateDir());
            try (ServiceNotes service = ServiceNotes.of(System.getenv(), config.stateDir())) {
                Thread hook = new Thread(
                        () -> {
                            service.stopping("stopping");
                            stopping.set(true);
                            Optional.ofNullable(running.get()).ifPresent(Agent::shutDown);
                            try {
                                ended.await(LONGEST_END_SECONDS, TimeUnit.SECONDS);
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        },
                        "shutdown");
                Runtime.getRuntime().addShutdownHook(hook);
                return new Lives(first, service, running, stopping).run();
            }
        } catch (StoreStartException | IOException | PostgresException e) {
            log.error("The agent cannot start: {}", e.getMessage());
            System.err.println("matriarch: " + e.getMessage());
            return REFUSED;
        } catch (ConfigProblems problems) {
            log.error("The agent cannot start: {}", problems.getMessage());
            System.err.println(problems.getMessage());
            return BAD_CONFIGURATION;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return REFUSED;
        } finally {
            log.info("matriarch ends");
            Logging.end();
            ended.countDown();
        }
    }
}
