package dev.matriarch.tls;

import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;

/** Certificates as people are told of them. Pure. */
final class CertificateWords {
    private static final int DNS_NAME = 2;
    private static final int ADDRESS = 7;
    private static final int LONGEST_NAME = 200;

    private CertificateWords() {}

    static String name(X509Certificate certificate) {
        return printable(certificate.getSubjectX500Principal().getName());
    }

    static String issuer(X509Certificate certificate) {
        return printable(certificate.getIssuerX500Principal().getName());
    }

    /** The other side chose it: it may hold anything. */
    private static String printable(String name) {
        String clean = name.codePoints()
                .map(c -> c < ' ' || c == 127 ? '?' : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
        return clean.length() > LONGEST_NAME ? clean.substring(0, LONGEST_NAME) + "…" : clean;
    }

    /** Host names and addresses that it is made for. */
    static String hosts(X509Certificate certificate) {
        List<String> hosts = new ArrayList<>();
        try {
            Collection<List<?>> names = certificate.getSubjectAlternativeNames();
            if (names != null) {
                for (List<?> name : names) {
                    if (name.get(0) instanceof Integer type && (type == DNS_NAME || type == ADDRESS)) {
                        hosts.add(printable(name.get(1).toString()));
                    }
                }
            }
        } catch (CertificateParsingException e) {
            return "names that cannot be read";
        }
        return hosts.isEmpty()
                ? "no host at all (it has no subjectAltName)"
                : hosts.stream().limit(20).collect(Collectors.joining(", "));
    }

    static boolean expired(X509Certificate certificate, Instant now) {
        return now.isAfter(certificate.getNotAfter().toInstant());
    }

    static boolean notYet(X509Certificate certificate, Instant now) {
        return now.isBefore(certificate.getNotBefore().toInstant());
    }
}
