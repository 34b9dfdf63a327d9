package dev.matriarch.raft;

import dev.matriarch.tls.LiveTls;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What a store is opened with.
 *
 * @param scope the cluster's name; peers of another scope are refused
 * @param name this member's name, for people and as the beginning of its peer id
 * @param dataDir holds {@code identity.json} and {@code log/}; made if missing
 * @param stateDir keeps the other peers' addresses for the day when {@code dataDir} is lost; outside of it, made if missing
 * @param selfAddress {@code host:port} by which the other peers reach this one
 * @param bindAddress {@code host:port} it listens on
 * @param partners the others' {@code selfAddress}; one equal to this peer's own is passed over
 * @param electionTimeoutMin shortest silence after which a peer stands for election; heartbeats go out twice as often
 * @param electionTimeoutMax longest; at least the shortest
 * @param retryTimeout how old the local copy may be before {@code read} refuses; asked at each use, as it is a dynamic
 *     setting
 * @param origin where {@code partners} were written down, for sentences about them: a file's name
 * @param tls certificates of both sides of every connection between peers; absent: plain text
 * @param listener this peer gets every entry and has no vote; it forms no store, it is taken into one
 */
public record RaftStoreSettings(
        String scope,
        String name,
        Path dataDir,
        Path stateDir,
        String selfAddress,
        String bindAddress,
        List<String> partners,
        Duration electionTimeoutMin,
        Duration electionTimeoutMax,
        Supplier<Duration> retryTimeout,
        String origin,
        Optional<LiveTls> tls,
        boolean listener) {
    public RaftStoreSettings {
        Objects.requireNonNull(scope, "scope");
        Objects.requireNonNull(name, "name");
        dataDir = dataDir.toAbsolutePath();
        stateDir = stateDir.toAbsolutePath();
        String self = selfAddress;
        partners = partners.stream().filter(p -> !p.equals(self)).distinct().toList();
    }

    /** Of a peer with a vote. */
    public RaftStoreSettings(
            String scope,
            String name,
            Path dataDir,
            Path stateDir,
            String selfAddress,
            String bindAddress,
            List<String> partners,
            Duration electionTimeoutMin,
            Duration electionTimeoutMax,
            Supplier<Duration> retryTimeout,
            String origin,
            Optional<LiveTls> tls) {
        this(
                scope,
                name,
                dataDir,
                stateDir,
                selfAddress,
                bindAddress,
                partners,
                electionTimeoutMin,
                electionTimeoutMax,
                retryTimeout,
                origin,
                tls,
                false);
    }

    /** The same for a peer without a vote. */
    public RaftStoreSettings listening() {
        return new RaftStoreSettings(
                scope,
                name,
                dataDir,
                stateDir,
                selfAddress,
                bindAddress,
                partners,
                electionTimeoutMin,
                electionTimeoutMax,
                retryTimeout,
                origin,
                tls,
                true);
    }
}
