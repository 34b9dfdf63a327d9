package dev.matriarch.zookeeper;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * How a cluster's keys in ZooKeeper are reached.
 *
 * @param base the path above the cluster's keys: a slash at its beginning, none at its end
 * @param servers of ZooKeeper, as {@code zk://host:port}; may be empty if Exhibitor names them
 */
public record ZooKeeperSettings(String base, List<URI> servers, Optional<Exhibitor> exhibitor, Access access) {
    public ZooKeeperSettings {
        servers = List.copyOf(servers);
    }

    public ZooKeeperSettings(String base, List<URI> servers, Optional<Exhibitor> exhibitor) {
        this(base, servers, exhibitor, Access.OPEN);
    }

    public ZooKeeperSettings(String base, List<URI> servers) {
        this(base, servers, Optional.empty(), Access.OPEN);
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

    /**
     * How this member comes in, as whom, and who else may.
     *
     * @param tls absent: connections are in the clear
     * @param grants of each key that is made; empty: everything to everybody
     * @param credentials scheme to credential, as ZooKeeper is sent them; {@code sasl} is USER:PASSWORD for DIGEST-MD5
     */
    public record Access(Optional<Tls> tls, List<Grant> grants, Map<String, String> credentials) {
        public static final Access OPEN = new Access(Optional.empty(), List.of(), Map.of());

        public Access {
            grants = List.copyOf(grants);
            credentials = new LinkedHashMap<>(credentials);
        }

        /** Without what it must not say. */
        @Override
        public String toString() {
            return "Access[" + tls + ", " + grants + ", " + credentials.keySet() + "]";
        }
    }

    /**
     * PEM files, read again at a new connection if they have changed.
     *
     * @param verify false: any server's certificate is good enough; the authorities are not looked at
     * @param authorities absent: those that the runtime trusts
     * @param certificate this member's own; absent: none is shown
     * @param key absent: it stands in the same file
     * @param keyPassword of an encrypted key
     */
    public record Tls(
            boolean verify,
            Optional<Path> authorities,
            Optional<Path> certificate,
            Optional<Path> key,
            Optional<String> keyPassword) {
        @Override
        public String toString() {
            return "Tls[" + verify + ", " + authorities + ", " + certificate + ", " + key + "]";
        }
    }

    /** What may be done with a key, in ZooKeeper's words. */
    public enum Right {
        CREATE,
        READ,
        WRITE,
        DELETE,
        ADMIN
    }

    /**
     * A line of an ACL.
     *
     * @param scheme of ZooKeeper: x509, digest, sasl, ip, world
     * @param id as the scheme has it: the certificate's subject, user and digest, the user
     */
    public record Grant(String scheme, String id, Set<Right> rights) {
        public Grant {
            rights = Set.copyOf(rights);
        }
    }

    /** The path above the keys of a cluster: {@code /namespace/scope}, doubled slashes taken out. */
    public static String base(String namespace, String scope) {
        return ("/" + namespace + "/" + scope).replaceAll("/+", "/").replaceFirst("/$", "");
    }
}
