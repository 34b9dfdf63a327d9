package dev.matriarch.agent.config;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The {@code zookeeper} section, or {@code exhibitor}.
 *
 * @param servers as {@code zk://host:port}; empty: those that Exhibitor names
 */
public record ZooKeeperConfig(List<URI> servers, Optional<Exhibitor> exhibitor, ZooKeeperAccess access)
        implements StoreConfig {
    public ZooKeeperConfig {
        servers = List.copyOf(servers);
    }

    ZooKeeperConfig(List<URI> servers) {
        this(servers, Optional.empty(), ZooKeeperAccess.OPEN);
    }

    /**
     * @param addresses as {@code http://host:port}
     * @param interval how often it is asked
     */
    public record Exhibitor(List<URI> addresses, Duration interval) {
        public Exhibitor {
            addresses = List.copyOf(addresses);
        }
    }

    @Override
    public boolean isExternal() {
        return true;
    }
}
