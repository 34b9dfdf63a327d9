package dev.matriarch.agent.config;

import dev.matriarch.agent.log.LogConfig;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * The local configuration of one agent.
 *
 * @param stateDir small files of the agent itself: guard pipes, logs of children
 * @param tags as published; values are Boolean, Integer or String
 * @param citus if this cluster is a group of a distributed database
 */
public record AgentConfig(
        String scope,
        String name,
        String namespace,
        Path stateDir,
        RestConfig rest,
        ControlConfig control,
        RaftConfig raft,
        PostgresConfig postgres,
        BootstrapConfig bootstrap,
        Map<String, Object> tags,
        LogConfig log,
        WatchdogConfig watchdog,
        FlightRecorderConfig flightRecorder,
        Optional<CitusConfig> citus) {

    /** What the built-in store goes by; no two clusters that must not be mixed have the same one. */
    public String storeName() {
        return citus.map(c -> c.storeName(scope)).orElse(scope);
    }

    AgentConfig withControl(ControlConfig changed) {
        return new AgentConfig(
                scope,
                name,
                namespace,
                stateDir,
                rest,
                changed,
                raft,
                postgres,
                bootstrap,
                tags,
                log,
                watchdog,
                flightRecorder,
                citus);
    }

    /** Why a watchdog that this member requires cannot work with this cluster-wide timing. */
    public Optional<String> watchdogProblem(DynamicConfig timing) {
        return WatchdogSection.problem(watchdog, timing);
    }

    public record Credentials(String username, String password) {
        @Override
        public String toString() {
            return "Credentials[" + username + "]";
        }
    }

    /** The gRPC door for matriarchctl and the other agents. */
    public record ControlConfig(HostPort listen, HostPort connectAddress) {}

    /** @param size of all files together, in bytes */
    public record FlightRecorderConfig(boolean enabled, Path directory, long size) {}
}
