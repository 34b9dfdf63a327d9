package dev.matriarch.tls;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * What somebody who calls once and goes away needs for TLS.
 *
 * @param keys absent: no certificate is shown
 * @param words the certificate that is shown, for people
 */
public record ClientTls(Optional<X509ExtendedKeyManager> keys, X509ExtendedTrustManager trust, Optional<String> words) {

    /**
     * @param ca absent: whatever certificate the other side shows is accepted
     * @param certificate absent: none is shown
     * @param key absent: it is in the certificate's file
     * @throws IOException if a file cannot be used; the message names it
     */
    public static ClientTls read(
            Optional<Path> ca, Optional<Path> certificate, Optional<Path> key, Optional<String> keyPassword)
            throws IOException {
        try {
            X509ExtendedTrustManager trust = new Anybody();
            if (ca.isPresent()) {
                List<X509Certificate> authorities = Pem.certificates(ca.get());
                trust = only(authorities, ca.get().toString());
            }
            if (certificate.isEmpty()) {
                return new ClientTls(Optional.empty(), trust, Optional.empty());
            }
            List<X509Certificate> chain = Pem.certificates(certificate.get());
            Path keyFile = key.orElse(certificate.get());
            PrivateKey own = Pem.privateKey(keyFile, keyPassword);
            Material.checkFit(own, keyFile, chain.getFirst(), certificate.get());
            return new ClientTls(
                    Optional.of(Material.keys(own, chain)),
                    trust,
                    Optional.of(Material.words(certificate.get(), chain)));
        } catch (GeneralSecurityException e) {
            throw new IOException("the certificates cannot be used: " + e.getMessage(), e);
        }
    }

    /** Shows no certificate, and accepts whatever the other side shows: for what is verified by itself. */
    public static ClientTls unverified() {
        return new ClientTls(Optional.empty(), new Anybody(), Optional.empty());
    }

    /**
     * Shows no certificate, and accepts those of these authorities.
     *
     * @param where the authorities come from, for sentences
     * @throws IOException if they cannot be used
     */
    public static ClientTls trusting(List<X509Certificate> authorities, String where) throws IOException {
        try {
            return new ClientTls(Optional.empty(), only(authorities, where), Optional.empty());
        } catch (GeneralSecurityException e) {
            throw new IOException("the certificates cannot be used: " + e.getMessage(), e);
        }
    }

    private static X509ExtendedTrustManager only(List<X509Certificate> authorities, String where)
            throws GeneralSecurityException, IOException {
        TrustWithWords.Trust fixed = new TrustWithWords.Trust(Material.trusting(authorities), authorities, where);
        return new TrustWithWords(() -> fixed, sentence -> {});
    }

    /** For people who said that they do not care. */
    private static final class Anybody extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
