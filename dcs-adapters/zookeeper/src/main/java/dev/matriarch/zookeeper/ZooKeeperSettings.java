package dev.matriarch.zookeeper;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How a cluster's keys in ZooKeeper are reached.
 *
 * @param base the path above the cluster's keys: a slash at its beginning, none at its end
 * @param servers of ZooKeeper, as {@code zk://host:port}; may be empty if Exhibitor names them
 */
public record ZooKeeperSettings(String base, List<URI> servers, Optional<Exhibitor> exhibitor) {
    public ZooKeeperSettings {
        servers = List.copyOf(servers);
    }

    public ZooKeeperSettings(String base, List<URI> servers) {
        this(base, servers, Optional.empty());
    }

    /**
     * Who knows the servers.
     *
     * @param addresses as {@code http://host:port}
     * @param interval how often it is asked
     */
    public record Exhibitor(List<URI> addresses, Duration interval) {
        public Exhibitor {
            addresses = List.copyOf(addresses);
        }
    }

    /** The path above the keys of a cluster: {@code /namespace/scope}, doubled slashes taken out. */
    public static String base(String namespace, String scope) {
        return ("/" + namespace + "/" + scope).replaceAll("/+", "/").replaceFirst("/$", "");
    }
}
