package dev.matriarch.agent.config;

import dev.matriarch.agent.log.LogConfig;
import dev.matriarch.tls.TlsFiles;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * The local configuration of one agent.
 *
 * @param stateDir small files of the agent itself: guard pipes, logs of children
 * @param tags as published; values are Boolean, Integer or String
 * @param citus if this cluster is a group of a distributed database
 * @param tls for all that members and matriarchctl say to each other; absent: unprotected
 */
public record AgentConfig(
        String scope,
        String name,
        String namespace,
        Path stateDir,
        RestConfig rest,
        ControlConfig control,
        StoreConfig store,
        PostgresConfig postgres,
        BootstrapConfig bootstrap,
        Map<String, Object> tags,
        LogConfig log,
        WatchdogConfig watchdog,
        FlightRecorderConfig flightRecorder,
        Optional<CitusConfig> citus,
        Optional<TlsFiles> tls) {

    /** What the built-in store goes by; no two clusters that must not be mixed have the same one. */
    public String storeName() {
        return citus.map(c -> c.storeName(scope)).orElse(scope);
    }

    /** The built-in store's settings, if it is the one in use. */
    public Optional<RaftConfig> builtIn() {
        return store instanceof RaftConfig raft ? Optional.of(raft) : Optional.empty();
    }

    /** Where this cluster's keys lie below the namespace of a store that others share. */
    public String storePath() {
        return scope + citus.map(c -> "/" + c.group()).orElse("");
    }

    AgentConfig withControl(ControlConfig changed) {
        return new AgentConfig(
                scope,
                name,
                namespace,
                stateDir,
                rest,
                changed,
                store,
                postgres,
                bootstrap,
                tags,
                log,
                watchdog,
                flightRecorder,
                citus,
                tls);
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
