package dev.matriarch.tls;

import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedKeyManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * The content of one set of files, read at one time, whose parts fit each other.
 *
 * @param generation counts what was taken up
 */
record Material(
        long generation,
        TlsFiles files,
        List<X509Certificate> chain,
        PrivateKey key,
        List<X509Certificate> authorities,
        X509ExtendedKeyManager keys,
        X509ExtendedTrustManager trust) {

    /** @throws IOException if a file cannot be used, or two do not fit; the message names them */
    static Material read(TlsFiles files, long generation) throws IOException {
        List<X509Certificate> authorities = Pem.certificates(files.ca());
        List<X509Certificate> chain = Pem.certificates(files.certificate());
        PrivateKey key = Pem.privateKey(files.key(), files.keyPassword());
        X509Certificate own = chain.getFirst();
        try {
            checkFit(key, files.key(), own, files.certificate());
            X509ExtendedTrustManager trust = trusting(authorities);
            return new Material(generation, files, chain, key, authorities, keys(key, chain), trust);
        } catch (GeneralSecurityException e) {
            throw new IOException(
                    "the certificate in " + files.certificate() + ", its key in " + files.key()
                            + " and the authorities in " + files.ca() + " cannot be used: " + e.getMessage(),
                    e);
        }
    }

    static void checkFit(PrivateKey key, Path keyFile, X509Certificate own, Path certificateFile)
            throws IOException, GeneralSecurityException {
        if (!fits(key, own.getPublicKey())) {
            throw new IOException("the key in " + keyFile + " is not that of the certificate in " + certificateFile
                    + " (" + CertificateWords.name(own) + ")");
        }
    }

    /** For people: file, subject, validity. */
    static String words(Path file, List<X509Certificate> chain) {
        X509Certificate own = chain.getFirst();
        return file + " (" + CertificateWords.name(own) + ", serial "
                + own.getSerialNumber().toString(16) + ", valid until " + validUntil(chain) + ")";
    }

    /** The first end of a life in the chain. */
    static Instant validUntil(List<X509Certificate> chain) {
        return chain.stream()
                .map(c -> c.getNotAfter().toInstant())
                .min(Instant::compareTo)
                .orElseThrow();
    }

    X509Certificate certificate() {
        return chain.getFirst();
    }

    private static boolean fits(PrivateKey key, PublicKey certified) throws GeneralSecurityException {
        String algorithm = switch (key.getAlgorithm()) {
            case "RSA" -> "SHA256withRSA";
            case "EC" -> "SHA256withECDSA";
            default -> key.getAlgorithm();
        };
        if (!key.getAlgorithm().equals(certified.getAlgorithm())) {
            return false;
        }
        byte[] something = {1, 2, 3};
        Signature signature = Signature.getInstance(algorithm);
        signature.initSign(key);
        signature.update(something);
        byte[] signed = signature.sign();
        signature.initVerify(certified);
        signature.update(something);
        return signature.verify(signed);
    }

    static X509ExtendedKeyManager keys(PrivateKey key, List<X509Certificate> chain)
            throws GeneralSecurityException, IOException {
        char[] none = new char[0];
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, none);
        store.setKeyEntry("own", key, none, chain.toArray(X509Certificate[]::new));
        KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
        factory.init(store, none);
        return (X509ExtendedKeyManager) factory.getKeyManagers()[0];
    }

    /** Checks certificates against these authorities and no others. */
    static X509ExtendedTrustManager trusting(List<X509Certificate> authorities)
            throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        for (int i = 0; i < authorities.size(); i++) {
            store.setCertificateEntry("ca" + i, authorities.get(i));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
        factory.init(store);
        return (X509ExtendedTrustManager) factory.getTrustManagers()[0];
    }

    @Override
    public String toString() {
        return "Material[" + files.certificate() + ", " + generation + "]";
    }
}
