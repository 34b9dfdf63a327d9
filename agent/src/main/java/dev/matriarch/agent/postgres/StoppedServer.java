package dev.matriarch.agent.postgres;

import dev.matriarch.agent.config.PostgresConfig;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the configuration of a server says that is not running. */
final class StoppedServer {
    private static final Logger LOG = LoggerFactory.getLogger(StoppedServer.class);

    private final PostgresConfig config;
    private final Binaries binaries;

    StoppedServer(PostgresConfig config, Binaries binaries) {
        this.config = config;
        this.binaries = binaries;
    }

    /** Empty if it is, or if it cannot be asked, which is logged. */
    String setting(String name, Deadline deadline) throws PostgresException {
        Child.Result result = Child.of(List.of(
                        binaries.path("postgres"),
                        "-C",
                        name,
                        "-D",
                        config.dataDir().toString(),
                        ConfigPlaces.of(config).option()))
                .run(deadline);
        if (result.exitCode() != 0) {
            LOG.warn("The setting {} of {} could not be read: {}", name, config.dataDir(), result.lastLines());
            return "";
        }
        return result.output().strip();
    }
}
