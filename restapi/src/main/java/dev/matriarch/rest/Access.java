package dev.matriarch.rest;

import dev.matriarch.dcs.Member;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/** Who may change something through this door. Any thread. */
final class Access {
    private record InForce(
            Optional<byte[]> login, Allowlist allowlist, boolean listed, boolean members, boolean certificates) {}

    private volatile InForce inForce;

    /** Names in the allowlist are resolved here. */
    Access(RestSettings settings) {
        expect(settings);
    }

    /** From the next request on. */
    void expect(RestSettings settings) {
        RestSettings.Guests guests = settings.guests();
        inForce = new InForce(
                guests.credentials()
                        .map(c -> digest((c.username() + ":" + c.password()).getBytes(StandardCharsets.UTF_8))),
                new Allowlist(guests.allowlist()),
                !guests.allowlist().isEmpty(),
                guests.members(),
                settings.tls().isPresent() && settings.tls().get().verifyClient() != RestSettings.VerifyClient.NONE);
    }

    /**
     * @param members the cluster's; their hosts count if the configuration says so
     * @param membersCount false: for this request they do not
     * @return empty if the caller may change something
     */
    Optional<Reply> refusal(Caller caller, List<Member> members, boolean membersCount) {
        InForce now = inForce;
        boolean byMember = now.members() && membersCount;
        if (now.listed() || byMember) {
            boolean allowed = now.allowlist().contains(caller.address())
                    || byMember
                            && Allowlist.isHostOf(
                                    members.stream().map(Member::apiUrl).toList(), caller.address());
            if (!allowed) {
                return Optional.of(Reply.error(
                        403,
                        "Access is denied",
                        "this address is not in restapi.allowlist; ask from one that is, or add it and reload"));
            }
        }
        if (now.certificates() && caller.overTls() && !caller.certified()) {
            return Optional.of(Reply.error(
                    403,
                    "client certificate required",
                    "show one that comes from the authorities in restapi.cafile (curl: --cert, --key)"));
        }
        return now.login()
                .flatMap(secret -> wrongCredentials(secret, caller.authorization()))
                .map(why -> Reply.error(
                        401, why, "give the user and password of restapi.authentication as HTTP basic authentication"));
    }

    private static Optional<String> wrongCredentials(byte[] secret, Optional<String> authorization) {
        if (authorization.isEmpty()) {
            return Optional.of("no auth header received");
        }
        String header = authorization.get();
        if (!header.regionMatches(true, 0, "Basic ", 0, 6)) {
            return Optional.of("not authenticated");
        }
        byte[] given;
        try {
            given = Base64.getDecoder().decode(header.substring(6).strip());
        } catch (IllegalArgumentException e) {
            return Optional.of("not authenticated");
        }
        // Digests have one length, so the comparison tells nothing about the secret, its length included.
        return MessageDigest.isEqual(secret, digest(given)) ? Optional.empty() : Optional.of("not authenticated");
    }

    private static byte[] digest(byte[] text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java runtime has SHA-256", e);
        }
    }
}
