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
 * @param replicaMethods in the order in which they are tried
 * @param reach how the agent and clients reach the server beside the addresses
 * @param handling what this member says itself, or with what the cluster says under it: {@link #under}
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
        ServerHandling handling,
        List<String> basebackupOptions,
        List<ReplicaMethod> replicaMethods,
        Optional<HostPort> proxyAddress,
        ServerPlaces places,
        ServerFiles files,
        ReplicaMaking making) {

    /** In the usual places, with replicas made as these methods say. */
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
            ServerHandling handling,
            List<String> basebackupOptions,
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
                handling,
                basebackupOptions,
                replicaMethods,
                Optional.empty(),
                ServerPlaces.STANDARD,
                ServerFiles.NONE,
                ReplicaMaking.of(replicaMethods, basebackupOptions));
    }

    /** With what the cluster says where this member says nothing. */
    public PostgresConfig under(ServerHandling ofTheCluster) {
        return with(ofTheCluster.under(handling));
    }

    public PostgresConfig with(ServerHandling changed) {
        return new PostgresConfig(
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
                changed,
                basebackupOptions,
                replicaMethods,
                proxyAddress,
                places,
                files,
                making);
    }

    public boolean useUnixSocket() {
        return handling.unixSocket().orElse(false);
    }

    public boolean usePgRewind() {
        return handling.usePgRewind().orElse(false);
    }

    public boolean removeOnRewindFailure() {
        return handling.removeOnRewindFailure().orElse(false);
    }

    public boolean removeOnDivergence() {
        return handling.removeOnDivergence().orElse(false);
    }

    public boolean keepDiscarded() {
        return handling.keepDiscarded().orElse(false);
    }

    public List<String> rewindOptions() {
        return handling.rewindOptions().orElse(List.of());
    }

    public Duration startStopTimeout() {
        return handling.startStopTimeout().orElse(ServerHandling.START_STOP_TIMEOUT);
    }

    public ScriptsConfig scripts() {
        return handling.scripts().all();
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
