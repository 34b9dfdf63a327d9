package dev.matriarch.tls;

import java.io.IOException;
import java.net.Socket;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * A certificate, its key and the authorities, which can be renewed under servers and clients that use them: each
 * handshake uses what was taken up last, connections that exist go on. Safe for use by several threads.
 *
 * <p>Nothing here looks at files by itself: call {@link #reloadIfChanged} from time to time, {@link #reload} when asked
 * to. A set of files that do not fit each other, as in the middle of a renewal, is not taken up.
 */
public final class LiveTls {
    private static final String ALIAS = "own-";

    private final X509ExtendedKeyManager keyManager = new Keys();
    private final X509ExtendedTrustManager trustManager;
    private volatile Material current;
    /** Handshakes that began with it may still ask for its key. */
    private volatile Material previous;

    private FileStamps stamps;

    /**
     * @param refusals is told in a sentence of each peer whose certificate is not accepted; must return soon
     * @throws IOException if a file cannot be used; the message names it
     */
    public LiveTls(TlsFiles files, Consumer<String> refusals) throws IOException {
        stamps = stamps(files);
        current = Material.read(files, 1);
        previous = current;
        trustManager = new TrustWithWords(
                () -> {
                    Material m = current;
                    return new TrustWithWords.Trust(
                            m.trust(), m.authorities(), m.files().ca().toString());
                },
                refusals);
    }

    /**
     * Reads the files, whether they have changed or not.
     *
     * @return true if the certificate, the key or the authorities are others than before
     * @throws IOException if one cannot be used; what was in force stays in force
     */
    public synchronized boolean reload(TlsFiles files) throws IOException {
        FileStamps seen = stamps(files);
        Material read = Material.read(files, current.generation() + 1);
        stamps = seen;
        boolean other =
                !read.chain().equals(current.chain()) || !read.authorities().equals(current.authorities());
        if (other || !read.files().equals(current.files())) {
            previous = current;
            current = read;
        }
        return other;
    }

    /** As {@link #reload} with the files of before, if one of them has changed since it was last read. */
    public synchronized boolean reloadIfChanged() throws IOException {
        TlsFiles files = current.files();
        return !stamps(files).equals(stamps) && reload(files);
    }

    private static FileStamps stamps(TlsFiles files) {
        return FileStamps.of(List.of(files.ca(), files.certificate(), files.key()));
    }

    /** For servers and clients; always the newest certificate. */
    public X509ExtendedKeyManager keyManager() {
        return keyManager;
    }

    /** For servers and clients; always the newest authorities. Checks host names if the engine asks for that. */
    public X509ExtendedTrustManager trustManager() {
        return trustManager;
    }

    /** What a door shows now. */
    public X509Certificate certificate() {
        return current.certificate();
    }

    /** Whose certificates are accepted now. */
    public List<X509Certificate> authorities() {
        return current.authorities();
    }

    /** The end of the certificate's life, or that of one of those that vouch for it if it is sooner. */
    public Instant validUntil() {
        return Material.validUntil(current.chain());
    }

    /** For people: file, subject, validity. */
    public String words() {
        Material m = current;
        return Material.words(m.files().certificate(), m.chain());
    }

    /** Hands out one certificate and its own key, whatever is taken up in the meantime. */
    private final class Keys extends X509ExtendedKeyManager {
        private String alias(String chosen, Material m) {
            return chosen == null ? null : ALIAS + m.generation();
        }

        private Optional<Material> of(String alias) {
            for (Material m : List.of(current, previous)) {
                if ((ALIAS + m.generation()).equals(alias)) {
                    return Optional.of(m);
                }
            }
            return Optional.empty();
        }

        @Override
        public String chooseEngineClientAlias(String[] types, Principal[] issuers, SSLEngine engine) {
            Material m = current;
            return alias(m.keys().chooseEngineClientAlias(types, null, engine), m);
        }

        @Override
        public String chooseEngineServerAlias(String type, Principal[] issuers, SSLEngine engine) {
            Material m = current;
            return alias(m.keys().chooseEngineServerAlias(type, null, engine), m);
        }

        @Override
        public String chooseClientAlias(String[] types, Principal[] issuers, Socket socket) {
            Material m = current;
            return alias(m.keys().chooseClientAlias(types, null, socket), m);
        }

        @Override
        public String chooseServerAlias(String type, Principal[] issuers, Socket socket) {
            Material m = current;
            return alias(m.keys().chooseServerAlias(type, null, socket), m);
        }

        @Override
        public String[] getClientAliases(String type, Principal[] issuers) {
            Material m = current;
            return m.keys().getClientAliases(type, null) == null ? null : new String[] {ALIAS + m.generation()};
        }

        @Override
        public String[] getServerAliases(String type, Principal[] issuers) {
            return getClientAliases(type, issuers);
        }

        @Override
        public X509Certificate[] getCertificateChain(String alias) {
            return of(alias).map(m -> m.chain().toArray(X509Certificate[]::new)).orElse(null);
        }

        @Override
        public PrivateKey getPrivateKey(String alias) {
            return of(alias).map(Material::key).orElse(null);
        }
    }
}
