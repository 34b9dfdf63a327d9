package dev.matriarch.dcs.http;

import dev.matriarch.tls.Pem;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * The PEM files of a client of a store.
 *
 * @param authorities whose certificates to trust; empty: those that the runtime trusts
 * @param certificate this client's own, for servers that ask for one
 * @param key of that certificate; empty: it stands in the same file
 * @param keyPassword of an encrypted key
 */
public record TlsFiles(
        Optional<Path> authorities, Optional<Path> certificate, Optional<Path> key, Optional<String> keyPassword) {
    public static final TlsFiles NONE = new TlsFiles(Optional.empty(), Optional.empty(), Optional.empty());

    /** With a key that is not encrypted. */
    public TlsFiles(Optional<Path> authorities, Optional<Path> certificate, Optional<Path> key) {
        this(authorities, certificate, key, Optional.empty());
    }

    @Override
    public String toString() {
        return "TlsFiles[" + authorities + ", " + certificate + ", " + key + "]";
    }

    /** @throws IOException with a sentence that names the file which cannot be used */
    public SSLContext context() throws IOException {
        return context(true);
    }

    /**
     * @param verify false: any certificate of a server is good enough, whatever its name; authorities are not looked at
     * @throws IOException with a sentence that names the file which cannot be used
     */
    public SSLContext context(boolean verify) throws IOException {
        try {
            KeyManager[] own = null;
            if (certificate.isPresent()) {
                KeyStore store = empty();
                store.setKeyEntry(
                        "own",
                        Pem.privateKey(key.orElse(certificate.get()), keyPassword),
                        new char[0],
                        Pem.certificates(certificate.get()).toArray(X509Certificate[]::new));
                KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
                keys.init(store, new char[0]);
                own = keys.getKeyManagers();
            }
            TrustManager[] trusted = verify ? null : new TrustManager[] {new Credulous()};
            if (verify && authorities.isPresent()) {
                KeyStore store = empty();
                List<X509Certificate> all = Pem.certificates(authorities.get());
                for (int i = 0; i < all.size(); i++) {
                    store.setCertificateEntry("authority" + i, all.get(i));
                }
                TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
                trust.init(store);
                trusted = trust.getTrustManagers();
            }
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(own, trusted, null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IOException("the certificates or the key cannot be used: " + e.getMessage(), e);
        }
    }

    /** Being of this class, it is asked for the server's name as well: nobody else compares it then. */
    private static final class Credulous extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }

    private static KeyStore empty() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        return store;
    }
}
