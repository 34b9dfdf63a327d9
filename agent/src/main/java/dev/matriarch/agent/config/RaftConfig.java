package dev.matriarch.agent.config;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The {@code raft} section.
 *
 * @param selfAddress how the other peers reach this one
 * @param bindAddress where it listens; the same unless given
 * @param partners the others' addresses, without this one
 * @param electionTimeoutMin {@code min_timeout}: the shortest silence after which a peer stands for election
 * @param electionTimeoutMax {@code max_timeout}
 * @param backup the store is saved to files from time to time
 * @param removeDeadPeersAfter a peer that has not answered the Raft leader for that long is taken out; absent: never
 */
public record RaftConfig(
        Path dataDir,
        HostPort selfAddress,
        HostPort bindAddress,
        List<HostPort> partners,
        Duration electionTimeoutMin,
        Duration electionTimeoutMax,
        Optional<Backup> backup,
        Optional<Duration> removeDeadPeersAfter)
        implements StoreConfig {
    /** Dead peers stay. */
    public RaftConfig(
            Path dataDir,
            HostPort selfAddress,
            HostPort bindAddress,
            List<HostPort> partners,
            Duration electionTimeoutMin,
            Duration electionTimeoutMax,
            Optional<Backup> backup) {
        this(
                dataDir,
                selfAddress,
                bindAddress,
                partners,
                electionTimeoutMin,
                electionTimeoutMax,
                backup,
                Optional.empty());
    }

    /** @param keep how many files of this member stay */
    public record Backup(Path directory, Duration interval, int keep) {}

    @Override
    public boolean isExternal() {
        return false;
    }
}
