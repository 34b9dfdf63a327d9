package dev.matriarch.agent.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.matriarch.agent.config.ZooKeeperAccess.Grant;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import javax.security.auth.x500.X500Principal;

/** Reads the keys of {@code zookeeper} and {@code exhibitor} that say how to come in, with Patroni's names. */
final class ZooKeeperAccessKeys {
    private static final Set<String> NEEDED = Set.of("CREATE", "READ", "WRITE", "DELETE");
    private static final Set<String> ALL = Set.of("CREATE", "READ", "WRITE", "DELETE", "ADMIN");
    private static final List<String> SCHEMES = List.of("x509", "digest", "sasl", "ip", "world");
    /** Of SHA-1, which a server uses unless it was told another algorithm. */
    private static final int DIGEST_LENGTH = 28;

    private final Section s;
    private final Findings findings;

    ZooKeeperAccessKeys(Section section, Findings findings) {
        this.s = section;
        this.findings = findings;
    }

    ZooKeeperAccess read() {
        int before = findings.problems().size();
        boolean secured = s.bool("use_ssl", false);
        boolean verify = s.bool("verify", true);
        var cacert = s.file("cacert");
        var cert = s.file("cert");
        var key = s.file("key");
        var password = s.secret("key_password");
        if (secured && cert.isEmpty() && !s.has("cert") && key.isPresent()) {
            s.problem("key", "needs cert: the certificate that it belongs to");
        }
        Map<String, String> credentials = credentials();
        List<Grant> grants = grants();
        ZooKeeperAccess access = new ZooKeeperAccess(
                secured ? Optional.of(new ZooKeeperAccess.Tls(verify, cacert, cert, key, password)) : Optional.empty(),
                grants,
                credentials);
        if (findings.problems().size() == before && !grants.isEmpty()) {
            lockedOut(access).ifPresent(why -> findings.add(s.key("set_acls"), why));
        }
        return access;
    }

    private Map<String, String> credentials() {
        s.describe("auth_data", "map of scheme to credential", "", "");
        Map<String, String> credentials = new LinkedHashMap<>();
        s.value("auth_data").ifPresent(v -> {
            if (!(v instanceof ObjectNode map)) {
                findings.add(s.key("auth_data"), "is not a map, such as {digest: 'USER:PASSWORD'}");
                return;
            }
            map.properties()
                    .forEach(e -> credential(e.getKey(), e.getValue()).ifPresent(c -> {
                        credentials.put(e.getKey(), c);
                    }));
        });
        return credentials;
    }

    private Optional<String> credential(String scheme, JsonNode value) {
        String key = s.key("auth_data") + "." + scheme;
        if (scheme.equals("x509")) {
            findings.add(key, "is no credential: ZooKeeper takes the name out of the certificate that cert names");
        } else if (!value.isTextual()) {
            findings.add(key, "is not a text; put it in quotes");
        } else if (List.of("digest", "sasl").contains(scheme) && !value.asText().matches("(?s)[^:]+:.+")) {
            findings.add(key, "is not like USER:PASSWORD");
        } else {
            return Optional.of(value.asText());
        }
        return Optional.empty();
    }

    private List<Grant> grants() {
        s.describe("set_acls", "map of principal to permissions", "", "CREATE, READ, WRITE, DELETE, ADMIN, ALL");
        List<Grant> grants = new ArrayList<>();
        s.value("set_acls").ifPresent(v -> {
            if (!(v instanceof ObjectNode map)) {
                findings.add(s.key("set_acls"), "is not a map, such as {'CN=n1,O=example': [ALL]}");
                return;
            }
            map.properties()
                    .forEach(e ->
                            grant(e.getKey(), rights(e.getKey(), e.getValue())).ifPresent(grants::add));
        });
        return grants;
    }

    private Set<String> rights(String principal, JsonNode value) {
        String key = s.key("set_acls") + "." + principal;
        List<String> words = new ArrayList<>();
        if (value.isTextual()) {
            words.addAll(List.of(value.asText().strip().split("\\s*,\\s*")));
        } else if (value.isArray()) {
            value.forEach(word -> words.add(word.asText("")));
        }
        Set<String> rights = new TreeSet<>();
        for (String word : words) {
            String upper = word.toUpperCase(Locale.ROOT);
            if (upper.equals("ALL")) {
                rights.addAll(ALL);
            } else if (ALL.contains(upper)) {
                rights.add(upper);
            } else {
                findings.add(key, word, "is none of CREATE, READ, WRITE, DELETE, ADMIN and ALL", Optional.empty());
            }
        }
        if (words.isEmpty()) {
            findings.add(key, "gives nothing: list some of CREATE, READ, WRITE, DELETE, ADMIN and ALL");
        }
        return rights;
    }

    /** As in Patroni it is the subject of a certificate; here another scheme may stand before it. */
    private Optional<Grant> grant(String principal, Set<String> rights) {
        String key = s.key("set_acls") + "." + principal;
        int colon = principal.indexOf(':');
        String before = colon < 0 ? "" : principal.substring(0, colon);
        boolean named = SCHEMES.contains(before);
        String scheme = named ? before : "x509";
        String id = named ? principal.substring(colon + 1) : principal;
        Optional<String> wrong = switch (scheme) {
            case "digest" ->
                id.matches("[^:]+:.+")
                        ? Optional.empty()
                        : Optional.of("is not like digest:USER:HASH, with the hash that ZooKeeper stores");
            case "world" -> id.equals("anyone") ? Optional.empty() : Optional.of("is not world:anyone");
            case "x509" -> Optional.empty();
            default -> id.isBlank() ? Optional.of("names nobody") : Optional.empty();
        };
        if (scheme.equals("x509")) {
            try {
                // ZooKeeper compares texts; this is the one that it makes of the certificate.
                id = new X500Principal(id).getName();
            } catch (IllegalArgumentException e) {
                wrong = Optional.of("is neither the subject of a certificate, such as CN=n1,O=example, nor begins with "
                        + "digest:, sasl:, ip: or world:");
            }
        }
        if (wrong.isPresent()) {
            findings.add(key, wrong.get());
            return Optional.empty();
        }
        return Optional.of(new Grant(scheme, id, rights));
    }

    /** Why this member could not use the keys that it makes itself; empty if it can, as far as that can be known here. */
    private static Optional<String> lockedOut(ZooKeeperAccess access) {
        Set<String> own = new TreeSet<>();
        for (Grant grant : access.grants()) {
            if (mayBe(grant, access)) {
                own.addAll(grant.rights());
            }
        }
        return own.containsAll(NEEDED)
                ? Optional.empty()
                : Optional.of(
                        "locks this member out of the keys that it makes: give CREATE, READ, WRITE and DELETE (or ALL)"
                                + " to the subject of its certificate (use_ssl and cert), or to a digest: or sasl: user whose"
                                + " password stands in auth_data");
    }

    private static boolean mayBe(Grant grant, ZooKeeperAccess access) {
        Optional<String> credential = Optional.ofNullable(access.credentials().get(grant.scheme()));
        return switch (grant.scheme()) {
            case "x509" ->
                // Which subject it has is seen by ZooKeeper only.
                access.tls().flatMap(ZooKeeperAccess.Tls::cert).isPresent();
            case "digest" -> credential.filter(c -> isDigestOf(grant.id(), c)).isPresent();
            case "sasl" ->
                credential.filter(c -> c.startsWith(grant.id() + ":")).isPresent();
            default -> true;
        };
    }

    private static boolean isDigestOf(String id, String credential) {
        int colon = id.indexOf(':');
        String hash = id.substring(colon + 1);
        return credential.startsWith(id.substring(0, colon + 1))
                && (hash.length() != DIGEST_LENGTH || hash.equals(digest(credential)));
    }

    private static String digest(String credential) {
        try {
            return Base64.getEncoder()
                    .encodeToString(
                            MessageDigest.getInstance("SHA-1").digest(credential.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
