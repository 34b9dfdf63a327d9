package dev.matriarch.agent.config;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The {@code postgresql} section of the local file.
 *
 * @param listen first address is the one the agent itself connects to
 * @param connectAddress how other members and clients reach it
 * @param binDir directory of the server binaries; empty: found by the usual places
 * @param pgpass file that the agent writes with the replication password, mode 0600
 * @param parameters local parameters; those the cluster must agree on are not in here
 * @param pgHba whole lines of pg_hba.conf; empty: the file is left as it is
 * @param basebackupOptions extra options for pg_basebackup, each with its dashes
 * @param rewindOptions extra options for pg_rewind, each with its dashes
 * @param removeOnDivergence allowed to discard a diverged data directory when it cannot be rewound
 * @param keepDiscarded move a data directory aside instead of deleting it
 * @param startStopTimeout {@code pg_ctl_timeout}
 * @param scripts callbacks and hooks
 * @param replicaMethods in the order in which they are tried
 * @param reach how the agent and clients reach the server beside the addresses
 * @param making of replicas; replicaMethods and basebackupOptions are the same without what the cluster says
 * @param files beyond pgHba and pgIdent; {@link ServerFiles#of} has them all
 */
public record PostgresConfig(
        List<String> listenHosts,
        int port,
        HostPort connectAddress,
        Path dataDir,
        Optional<Path> binDir,
        Path pgpass,
        Role superuser,
        Role replication,
        Role rewind,
        Map<String, String> parameters,
        List<String> pgHba,
        List<String> pgIdent,
        boolean usePgRewind,
        boolean removeOnRewindFailure,
        boolean removeOnDivergence,
        boolean keepDiscarded,
        List<String> basebackupOptions,
        List<String> rewindOptions,
        Duration startStopTimeout,
        ScriptsConfig scripts,
        List<ReplicaMethod> replicaMethods,
        Reach reach,
        ServerPlaces places,
        ServerFiles files,
        ReplicaMaking making) {

    /**
     * @param unixSocket the agent's connections to its own server go through a socket file, if it has one
     * @param proxyAddress of a pooler or proxy in front of the server, published beside connectAddress
     */
    public record Reach(boolean unixSocket, Optional<HostPort> proxyAddress) {
        public static final Reach USUAL = new Reach(false, Optional.empty());
    }

    /** Reached in the usual way. */
    public PostgresConfig(
            List<String> listenHosts,
            int port,
            HostPort connectAddress,
            Path dataDir,
            Optional<Path> binDir,
            Path pgpass,
            Role superuser,
            Role replication,
            Role rewind,
            Map<String, String> parameters,
            List<String> pgHba,
            List<String> pgIdent,
            boolean usePgRewind,
            boolean removeOnRewindFailure,
            boolean removeOnDivergence,
            boolean keepDiscarded,
            List<String> basebackupOptions,
            List<String> rewindOptions,
            Duration startStopTimeout,
            ScriptsConfig scripts,
            List<ReplicaMethod> replicaMethods) {
        this(
                listenHosts,
                port,
                connectAddress,
                dataDir,
                binDir,
                pgpass,
                superuser,
                replication,
                rewind,
                parameters,
                pgHba,
                pgIdent,
                usePgRewind,
                removeOnRewindFailure,
                removeOnDivergence,
                keepDiscarded,
                basebackupOptions,
                rewindOptions,
                startStopTimeout,
                scripts,
                replicaMethods,
                Reach.USUAL,
                ServerPlaces.STANDARD,
                ServerFiles.NONE);
    }

    /** Replicas are made as this member says. */
    public PostgresConfig(
            List<String> listenHosts,
            int port,
            HostPort connectAddress,
            Path dataDir,
            Optional<Path> binDir,
            Path pgpass,
            Role superuser,
            Role replication,
            Role rewind,
            Map<String, String> parameters,
            List<String> pgHba,
            List<String> pgIdent,
            boolean usePgRewind,
            boolean removeOnRewindFailure,
            boolean removeOnDivergence,
            boolean keepDiscarded,
            List<String> basebackupOptions,
            List<String> rewindOptions,
            Duration startStopTimeout,
            ScriptsConfig scripts,
            List<ReplicaMethod> replicaMethods,
            Reach reach,
            ServerPlaces places,
            ServerFiles files) {
        this(
                listenHosts,
                port,
                connectAddress,
                dataDir,
                binDir,
                pgpass,
                superuser,
                replication,
                rewind,
                parameters,
                pgHba,
                pgIdent,
                usePgRewind,
                removeOnRewindFailure,
                removeOnDivergence,
                keepDiscarded,
                basebackupOptions,
                rewindOptions,
                startStopTimeout,
                scripts,
                replicaMethods,
                reach,
                places,
                files,
                ReplicaMaking.of(replicaMethods, basebackupOptions));
    }

    /** A database role of the agent. Its {@code toString} never shows the password. */
    public record Role(String username, Optional<String> password, ConnectionSecurity security) {
        public Role(String username, Optional<String> password) {
            this(username, password, ConnectionSecurity.USUAL);
        }

        @Override
        public String toString() {
            return "Role[" + username + "]";
        }
    }

    /** Address the agent's own connections use. */
    public String localHost() {
        String first = listenHosts.getFirst();
        return switch (first) {
            case "*", "0.0.0.0", "::" -> "localhost";
            default -> first;
        };
    }
}
