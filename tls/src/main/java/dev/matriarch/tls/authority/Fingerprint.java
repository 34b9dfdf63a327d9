package dev.matriarch.tls.authority;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.util.HexFormat;

/** SHA-256 of a certificate, in hexadecimal digits, as {@code openssl x509 -fingerprint -sha256} says it without colons. Pure. */
public final class Fingerprint {
    private Fingerprint() {}

    public static String of(X509Certificate certificate) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(certificate.getEncoded()));
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("a certificate has no fingerprint: " + e.getMessage(), e);
        }
    }
}
