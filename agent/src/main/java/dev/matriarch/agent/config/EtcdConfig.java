package dev.matriarch.agent.config;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The {@code etcd3} section.
 *
 * @param addresses servers to begin with; empty only if {@code srv} names them
 * @param srv the domain with the SRV records
 * @param proxies the addresses are proxies: nothing else may be used
 */
public record EtcdConfig(
        List<URI> addresses,
        Optional<String> srv,
        Optional<String> srvSuffix,
        boolean proxies,
        Optional<AgentConfig.Credentials> login,
        Optional<Path> cacert,
        Optional<Path> cert,
        Optional<Path> key)
        implements StoreConfig {
    public EtcdConfig {
        addresses = List.copyOf(addresses);
    }

    @Override
    public boolean isExternal() {
        return true;
    }
}
