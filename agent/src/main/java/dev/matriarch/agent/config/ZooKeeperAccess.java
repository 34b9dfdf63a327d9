package dev.matriarch.agent.config;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * How a member comes into ZooKeeper, as whom, and who else may use the keys that it makes.
 *
 * @param tls absent: in the clear
 * @param grants empty: everything to everybody
 * @param credentials scheme to credential
 */
public record ZooKeeperAccess(Optional<Tls> tls, List<Grant> grants, Map<String, String> credentials) {
    static final ZooKeeperAccess OPEN = new ZooKeeperAccess(Optional.empty(), List.of(), Map.of());

    public ZooKeeperAccess {
        grants = List.copyOf(grants);
        credentials = new LinkedHashMap<>(credentials);
    }

    /**
     * @param verify false: any certificate of a server is good enough
     * @param key absent: it stands in the certificate's file
     */
    public record Tls(
            boolean verify,
            Optional<Path> cacert,
            Optional<Path> cert,
            Optional<Path> key,
            Optional<String> keyPassword) {
        @Override
        public String toString() {
            return "Tls[" + cert + "]";
        }
    }

    /**
     * @param scheme of ZooKeeper's ACLs, such as x509
     * @param rights in capitals, without ALL
     */
    public record Grant(String scheme, String id, Set<String> rights) {
        public Grant {
            rights = Set.copyOf(rights);
        }
    }

    /** Without what it must not say. */
    @Override
    public String toString() {
        return "ZooKeeperAccess[" + tls + ", " + grants + ", " + credentials.keySet() + "]";
    }
}
