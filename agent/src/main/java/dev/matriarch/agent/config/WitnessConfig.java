package dev.matriarch.agent.config;

import dev.matriarch.agent.log.LogConfig;
import dev.matriarch.tls.TlsFiles;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * What a peer of the store without PostgreSQL goes by: a witness, or a listener.
 *
 * @param storeName the cluster's name
 * @param name this peer's name, unlike that of every member
 * @param stateDir keeps the other peers' addresses, outside {@code raft.data_dir}
 * @param tls as the members have it; absent: plain text
 * @param rest the door of a listener; absent: a witness, which has a vote and no door
 */
public record WitnessConfig(
        String storeName,
        String name,
        RaftConfig raft,
        Path stateDir,
        LogConfig log,
        Optional<TlsFiles> tls,
        Optional<RestConfig> rest) {
    /**
     * Reads the sections that a witness has: {@code scope}, {@code name}, {@code raft}, {@code log}, {@code tls}.
     *
     * @param file a YAML file or a directory of them
     * @param environment of the process
     * @throws ConfigProblems with every problem found
     */
    public static WitnessConfig load(Path file, Map<String, String> environment) throws ConfigProblems {
        return ConfigFile.readWitness(Sources.read(Optional.of(file), environment));
    }

    /**
     * Reads the sections that a listener has: those of a witness and {@code restapi}.
     *
     * @param file a YAML file or a directory of them
     * @param environment of the process
     * @throws ConfigProblems with every problem found
     */
    public static WitnessConfig loadListener(Path file, Map<String, String> environment) throws ConfigProblems {
        return ConfigFile.readListener(Sources.read(Optional.of(file), environment));
    }
}
