package dev.matriarch.agent.doctor;

import dev.matriarch.agent.config.ConfigSource;
import dev.matriarch.agent.postgres.PostgresServer;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * What the agent knows of itself beyond what its door shows. All of it returns at once.
 *
 * @param settings in force
 * @param watchdogProblem why the kernel's watchdog is unusable; else empty
 * @param writeProblem why PostgreSQL's writes may not reach the disk; else empty
 */
public record Own(
        ConfigSource source,
        PostgresServer server,
        Supplier<InForce> settings,
        Supplier<String> watchdogProblem,
        Supplier<String> writeProblem) {

    /**
     * @param notUsed one sentence for each value that is not used as it stands
     * @param parameters of PostgreSQL, merged
     * @param rewind pg_rewind is to be used
     */
    public record InForce(List<String> notUsed, Map<String, String> parameters, boolean rewind) {}
}
