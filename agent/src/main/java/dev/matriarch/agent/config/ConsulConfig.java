package dev.matriarch.agent.config;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The {@code consul} section.
 *
 * @param address of the Consul agent
 * @param verify false: any certificate of it will do
 * @param datacenter empty: the Consul agent's own
 * @param consistency default, consistent or stale
 * @param checks ids of health checks that sessions end with
 * @param registerService whether this member is a service of Consul's
 * @param serviceTags besides the role
 * @param serviceCheckInterval as Consul writes times
 */
public record ConsulConfig(
        URI address,
        Optional<String> token,
        boolean verify,
        Optional<Path> cacert,
        Optional<Path> cert,
        Optional<Path> key,
        Optional<String> datacenter,
        String consistency,
        List<String> checks,
        boolean registerService,
        List<String> serviceTags,
        String serviceCheckInterval,
        Optional<String> serviceCheckTlsServerName)
        implements StoreConfig {
    public ConsulConfig {
        checks = List.copyOf(checks);
        serviceTags = List.copyOf(serviceTags);
    }

    /** Without the token. */
    @Override
    public String toString() {
        return "ConsulConfig[" + address + "]";
    }

    @Override
    public boolean isExternal() {
        return true;
    }
}
