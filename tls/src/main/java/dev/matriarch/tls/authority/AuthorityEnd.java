package dev.matriarch.tls.authority;

import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * What is to be said of the end of an authority's life: with it all certificates end at once, and no renewal helps. Pure.
 *
 * @param urgent an error and not a warning
 */
public record AuthorityEnd(String words, boolean urgent) {
    static final Duration SOON = Duration.ofDays(90);
    static final Duration URGENT = Duration.ofDays(14);

    /** @return empty: it is far away */
    public static Optional<AuthorityEnd> near(X509Certificate authority, Instant now) {
        Instant end = authority.getNotAfter().toInstant();
        if (now.isBefore(end.minus(SOON))) {
            return Optional.empty();
        }
        String words = now.isBefore(end)
                ? "The cluster's authority ends at " + end + ", and all certificates with it"
                : "The cluster's authority has expired at " + end + ", and all certificates with it";
        return Optional.of(new AuthorityEnd(
                words
                        + (now.isBefore(end) ? "; change it: matriarchctl cert rotate --authority" : "")
                        + "; docs/tls.md, \"The authority\"",
                !now.isBefore(end.minus(URGENT))));
    }
}
