package dev.matriarch.rest;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Optional;

/** Who may change something through this door. */
final class Access {
    private volatile Optional<byte[]> expected;

    Access(Optional<RestSettings.Credentials> credentials) {
        expect(credentials);
    }

    /** From the next request on. */
    void expect(Optional<RestSettings.Credentials> credentials) {
        expected = credentials.map(c -> digest((c.username() + ":" + c.password()).getBytes(StandardCharsets.UTF_8)));
    }

    /** @return empty if the caller may change something */
    Optional<Reply> refusal(Caller caller) {
        return wrongCredentials(caller.authorization())
                .map(why -> Reply.error(
                        401, why, "give the user and password of restapi.authentication as HTTP basic authentication"));
    }

    private Optional<String> wrongCredentials(Optional<String> authorization) {
        Optional<byte[]> secret = expected;
        if (secret.isEmpty()) {
            return Optional.empty();
        }
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
        return MessageDigest.isEqual(secret.get(), digest(given)) ? Optional.empty() : Optional.of("not authenticated");
    }

    private static byte[] digest(byte[] text) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(text);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java runtime has SHA-256", e);
        }
    }
}
