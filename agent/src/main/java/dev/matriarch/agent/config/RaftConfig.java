package dev.matriarch.agent.config;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * The {@code raft} section.
 *
 * @param selfAddress how the other peers reach this one
 * @param bindAddress where it listens; the same unless given
 * @param partners the others' addresses, without this one
 * @param electionTimeoutMin {@code min_timeout}: the shortest silence after which a peer stands for election
 * @param electionTimeoutMax {@code max_timeout}
 */
public record RaftConfig(
        Path dataDir,
        HostPort selfAddress,
        HostPort bindAddress,
        List<HostPort> partners,
        Duration electionTimeoutMin,
        Duration electionTimeoutMax) {}
