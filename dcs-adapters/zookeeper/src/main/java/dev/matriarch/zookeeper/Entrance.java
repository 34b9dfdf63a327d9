package dev.matriarch.zookeeper;

import dev.matriarch.dcs.http.Addresses;
import dev.matriarch.zookeeper.ZooKeeperSettings.Access;
import dev.matriarch.zookeeper.ZooKeeperSettings.Right;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.client.ZKClientConfig;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;

/** How every client of ZooKeeper in this process comes in, and as whom. */
final class Entrance {
    private static final String SASL = "sasl";
    private static final Set<Right> NEEDED = EnumSet.of(Right.CREATE, Right.READ, Right.WRITE, Right.DELETE);

    private final ZKClientConfig config = new ZKClientConfig();
    private final Optional<TlsClient> tls;
    private final Map<String, String> credentials;
    private final List<ACL> acl;

    /** @throws IOException with a sentence that names the file which cannot be used */
    Entrance(Access access) throws IOException {
        tls = access.tls().isPresent() ? Optional.of(new TlsClient(access.tls().get())) : Optional.empty();
        credentials = new LinkedHashMap<>(access.credentials());
        if (tls.isPresent()) {
            checkSubject(access, tls.get());
        }
        acl = access.grants().isEmpty()
                ? ZooDefs.Ids.OPEN_ACL_UNSAFE
                : access.grants().stream().map(Entrance::line).toList();
        Optional<String> user = Optional.ofNullable(credentials.get(SASL));
        config.setProperty(ZKClientConfig.ENABLE_CLIENT_SASL_KEY, Boolean.toString(user.isPresent()));
        user.ifPresent(this::loginWith);
    }

    /** ZooKeeper compares subjects as texts: one in another order would lock this member out of what it makes. */
    private static void checkSubject(Access access, TlsClient tls) throws IOException {
        Optional<String> subject = tls.subject();
        if (access.grants().isEmpty() || subject.isEmpty()) {
            return;
        }
        Set<Right> own = EnumSet.noneOf(Right.class);
        for (ZooKeeperSettings.Grant grant : access.grants()) {
            boolean mine = switch (grant.scheme()) {
                case "x509" -> grant.id().equals(subject.get());
                case "digest", SASL -> access.credentials().containsKey(grant.scheme());
                default -> true;
            };
            if (mine) {
                own.addAll(grant.rights());
            }
        }
        if (!own.containsAll(NEEDED)) {
            throw new IOException(
                    "set_acls locks this member out of the keys that it makes: give CREATE, READ, WRITE and"
                            + " DELETE (or ALL) to the subject of its certificate, which ZooKeeper writes as "
                            + subject.get());
        }
    }

    private void loginWith(String credential) {
        int colon = credential.indexOf(':');
        config.setProperty(
                ZKClientConfig.LOGIN_CONTEXT_NAME_KEY,
                SaslLogins.name(credential.substring(0, colon), credential.substring(colon + 1)));
        // DIGEST-MD5 wants no server's name; looking for it in the DNS takes time.
        config.setProperty(ZKClientConfig.ZK_SASL_CLIENT_CANONICALIZE_HOSTNAME, "false");
        // Where it is on, as it is by itself, the client knows no DIGEST-MD5. TLS is not its business here.
        config.setProperty("zookeeper.fips-mode", "false");
    }

    private static ACL line(ZooKeeperSettings.Grant grant) {
        int rights = 0;
        for (Right right : grant.rights()) {
            rights |= switch (right) {
                case CREATE -> ZooDefs.Perms.CREATE;
                case READ -> ZooDefs.Perms.READ;
                case WRITE -> ZooDefs.Perms.WRITE;
                case DELETE -> ZooDefs.Perms.DELETE;
                case ADMIN -> ZooDefs.Perms.ADMIN;
            };
        }
        return new ACL(rights, new Id(grant.scheme(), grant.id()));
    }

    ZKClientConfig config() {
        return config;
    }

    /** Of each key that is made. */
    List<ACL> acl() {
        return acl;
    }

    Line line(Addresses servers) throws IOException {
        return new Line(servers, tls);
    }

    /** Right after a client was made, before anything is asked. */
    void introduce(ZooKeeper client) {
        credentials.forEach((scheme, credential) -> {
            if (!scheme.equals(SASL)) {
                client.addAuthInfo(scheme, Connections.bytes(credential));
            }
        });
    }

    /** What went wrong with TLS to these; empty: nothing is known. */
    Optional<String> trouble(List<URI> servers) {
        return servers.stream()
                .flatMap(server -> trouble(server).map(t -> server.getAuthority() + ": " + t).stream())
                .findFirst();
    }

    Optional<String> trouble(URI server) {
        return tls.flatMap(t -> t.trouble(server));
    }

    /** As whom ZooKeeper knows this member, for people: never a password. */
    String identity() {
        List<String> names = new ArrayList<>();
        tls.flatMap(TlsClient::own).ifPresent(own -> names.add("certificate " + own));
        credentials.forEach((scheme, credential) -> {
            int colon = credential.indexOf(':');
            names.add(colon < 0 ? scheme : scheme + " user " + credential.substring(0, colon));
        });
        return names.isEmpty() ? "nobody in particular: no auth_data, no cert" : String.join(", ", names);
    }
}
