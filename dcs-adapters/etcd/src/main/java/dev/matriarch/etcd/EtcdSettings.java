package dev.matriarch.etcd;

import dev.matriarch.dcs.http.TlsFiles;
import java.net.URI;
import java.util.List;
import java.util.Optional;

/**
 * How a cluster's keys in etcd are reached.
 *
 * @param base the path above the cluster's keys, beginning and ending with a slash
 * @param addresses servers to begin with; empty only if {@code discovery} says where they are
 * @param discovery where DNS names the servers
 * @param proxies true: the addresses are proxies, and the only ones that may be used
 * @param login empty: the server asks for none, or knows this client by its certificate
 */
public record EtcdSettings(
        String base,
        List<URI> addresses,
        Optional<Discovery> discovery,
        boolean proxies,
        Optional<Login> login,
        TlsFiles tls) {
    public EtcdSettings {
        addresses = List.copyOf(addresses);
    }

    /**
     * @param domain that has the SRV records
     * @param suffix put behind the service's name: {@code _etcd-client-SUFFIX._tcp}
     */
    public record Discovery(String domain, Optional<String> suffix) {}

    public record Login(String username, String password) {
        @Override
        public String toString() {
            return "Login[" + username + "]";
        }
    }

    /** The path above the keys of a cluster: {@code /namespace/scope/}, doubled slashes taken out. */
    public static String base(String namespace, String scope) {
        return ("/" + namespace + "/" + scope + "/").replaceAll("/+", "/");
    }
}
