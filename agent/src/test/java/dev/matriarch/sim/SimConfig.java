package dev.matriarch.sim;

import dev.matriarch.agent.config.AgentConfig;
import dev.matriarch.agent.config.ConfigFile;
import dev.matriarch.agent.config.ConfigProblems;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The local files of the members, read by the agent's own reader, once. */
public final class SimConfig {
    private static final Map<String, AgentConfig> READ = new ConcurrentHashMap<>();

    private SimConfig() {}

    public static AgentConfig of(String name, boolean mayDiscard) {
        return READ.computeIfAbsent(name + mayDiscard, key -> read(name, mayDiscard));
    }

    private static AgentConfig read(String name, boolean mayDiscard) {
        String address = "10.0.0." + name.substring(1);
        String yaml = """
                scope: sim
                name: %1$s
                restapi: {listen: '%2$s:8008'}
                raft: {data_dir: /sim/raft, self_addr: '%2$s:2222', partner_addrs: ['10.0.0.99:2222']}
                postgresql:
                  listen: %2$s:5432
                  data_dir: /sim/data
                  remove_data_directory_on_rewind_failure: %3$s
                  remove_data_directory_on_diverged_timelines: %3$s
                  authentication:
                    superuser: {username: postgres, password: secret-1}
                    replication: {username: replicator, password: secret-2}
                """.formatted(name, address, mayDiscard);
        try {
            Path file = Files.createTempFile("sim", ".yml");
            try {
                Files.writeString(file, yaml);
                return ConfigFile.load(file, Map.of());
            } catch (ConfigProblems e) {
                throw new IllegalStateException(e.getMessage() + e.problems(), e);
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
