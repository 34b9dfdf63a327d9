package dev.matriarch.agent;

import dev.matriarch.agent.cli.Invocation;
import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigProblems;
import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.config.DynamicConfigJson;
import dev.matriarch.agent.log.Logging;
import dev.matriarch.agent.loop.Agent;
import dev.matriarch.agent.loop.Version;
import dev.matriarch.agent.postgres.PostgresException;
import dev.matriarch.raft.RaftStore;
import dev.matriarch.raft.RaftStoreSettings;
import dev.matriarch.raft.StoreStartException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code matriarch FILE}: one agent, until SIGTERM. Exit code 0 after an orderly end, 1 refused, 2 bad configuration. */
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

    private static int run(ConfigSource source) {
        AgentConfig config = source.current().config();
        Logger log = LoggerFactory.getLogger(Matriarch.class);
        log.info("matriarch {} starts as {} of cluster {}", Version.TEXT, config.name(), config.scope());
        CountDownLatch ended = new CountDownLatch(1);
        try {
            Files.createDirectories(config.stateDir());
            try (RaftStore store = openStore(config, log);
                    Agent agent = new Agent(source, store.dcs(), Logging::change)) {
                Hangup.calls(agent::reload);
                Thread hook = new Thread(
                        () -> {
                            agent.shutDown();
                            try {
                                ended.await(LONGEST_END_SECONDS, TimeUnit.SECONDS);
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        },
                        "shutdown");
                Runtime.getRuntime().addShutdownHook(hook);
                return agent.run();
            }
        } catch (StoreStartException | IOException | PostgresException e) {
            log.error("The agent cannot start: {}", e.getMessage());
            System.err.println("matriarch: " + e.getMessage());
            return REFUSED;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return REFUSED;
        } finally {
            log.info("matriarch ends");
            Logging.end();
            ended.countDown();
        }
    }

    private static RaftStore openStore(AgentConfig config, Logger log) throws StoreStartException {
        Duration retryTimeout =
                DynamicConfigJson.parse(config.bootstrap().dcsJson()).retryTimeout();
        return RaftStore.open(
                new RaftStoreSettings(
                        config.storeName(),
                        config.name(),
                        config.raft().dataDir(),
                        config.raft().selfAddress().toString(),
                        config.raft().bindAddress().toString(),
                        config.raft().partners().stream().map(Object::toString).toList(),
                        config.raft().electionTimeoutMin(),
                        config.raft().electionTimeoutMax(),
                        () -> retryTimeout),
                text -> log.debug("{}", text));
    }
}
