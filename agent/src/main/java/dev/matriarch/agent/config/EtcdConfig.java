package dev.matriarch.agent.config;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The {@code etcd3} section, or {@code etcd}.
 *
 * @param api by which etcd is asked
 * @param addresses servers to begin with; empty only if {@code srv} names them
 * @param srv the domain with the SRV records
 * @param proxies the addresses are proxies: nothing else may be used
 */
public record EtcdConfig(
        Api api,
        List<URI> addresses,
        Optional<String> srv,
        Optional<String> srvSuffix,
        boolean proxies,
        Optional<AgentConfig.Credentials> login,
        Optional<Path> cacert,
        Optional<Path> cert,
        Optional<Path> key,
        Optional<String> keyPassword)
        implements StoreConfig {
    public EtcdConfig {
        addresses = List.copyOf(addresses);
    }

    /** Each has keys of its own: what one writes the other does not show. */
    public enum Api {
        V2("etcd"),
        V3("etcd3");

        private final String section;

        Api(String section) {
            this.section = section;
        }

        /** The section of the configuration, and what the store is called by. */
        public String section() {
            return section;
        }
    }

    @Override
    public String toString() {
        return "EtcdConfig[" + api + ", " + addresses + ", " + srv + "]";
    }

    @Override
    public boolean isExternal() {
        return true;
    }
}
