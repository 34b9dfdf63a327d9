package dev.matriarch.tls.authority;

import java.math.BigInteger;
import java.net.InetAddress;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** When a node's certificate is to be made anew. Pure: the time is an argument. */
public final class Renewal {
    private static final BigInteger LOTS = BigInteger.valueOf(1000);

    private Renewal() {}

    /**
     * After two thirds of its life, or up to a twentieth of it before: members whose certificates were made at the same moment
     * do not change them at the same moment. The lot is the serial number, which is random.
     */
    public static Instant at(X509Certificate certificate) {
        Instant begin = certificate.getNotBefore().toInstant();
        Duration life = Duration.between(begin, certificate.getNotAfter().toInstant());
        long lot = certificate.getSerialNumber().mod(LOTS).longValue();
        return begin.plus(life.multipliedBy(2).dividedBy(3))
                .minus(life.dividedBy(20).multipliedBy(lot).dividedBy(LOTS.longValue()));
    }

    /**
     * Why it is to be made anew now; empty: it is good for now.
     *
     * @param hosts that it has to be made for
     * @param authority that signs now
     */
    public static Optional<String> due(
            X509Certificate certificate, Collection<String> hosts, X509Certificate authority, Instant now) {
        if (!certificate.getIssuerX500Principal().equals(authority.getSubjectX500Principal())) {
            return Optional.of("it comes from another authority than this node's");
        }
        if (now.isBefore(certificate.getNotBefore().toInstant())) {
            return Optional.of("it is not valid before "
                    + certificate.getNotBefore().toInstant() + ": the clock was ahead when it was made");
        }
        // One that ends with its authority gains nothing: the next would end at the same moment.
        if (!now.isBefore(at(certificate)) && !endsWith(authority, certificate)) {
            return Optional.of("it is valid until " + certificate.getNotAfter().toInstant());
        }
        Set<String> missing = new TreeSet<>();
        hosts.forEach(host -> missing.add(comparable(host)));
        names(certificate).forEach(missing::remove);
        return missing.isEmpty() ? Optional.empty() : Optional.of("it is not made for " + String.join(", ", missing));
    }

    /** It was cut at the end of its authority's life. */
    public static boolean endsWith(X509Certificate authority, X509Certificate certificate) {
        return !certificate.getNotAfter().before(authority.getNotAfter());
    }

    /** An address of IPv6 may be written in several ways. */
    private static String comparable(String host) {
        try {
            return InetAddress.ofLiteral(host).getHostAddress();
        } catch (IllegalArgumentException e) {
            return host.toLowerCase(Locale.ROOT);
        }
    }

    /** Host names and addresses of its {@code subjectAltName}. */
    static List<String> names(X509Certificate certificate) {
        try {
            Collection<List<?>> names = certificate.getSubjectAlternativeNames();
            return names == null
                    ? List.of()
                    : names.stream().map(n -> comparable(n.get(1).toString())).toList();
        } catch (CertificateParsingException e) {
            return List.of();
        }
    }
}
