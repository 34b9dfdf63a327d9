package dev.matriarch.agent.postgres;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.CRL;
import java.security.cert.CertStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.postgresql.ssl.WrappedFactory;

/**
 * TLS to a server from the files that libpq takes: the driver's own way neither reads revocation lists nor encrypted keys in
 * PEM. The driver makes it by name, with its properties. As libpq does, it checks the server's certificate as soon as
 * {@code sslrootcert} is given; the name in it is checked by the driver.
 */
public final class ServerTls extends WrappedFactory {
    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \\1-----", Pattern.DOTALL);
    private static final List<String> ALGORITHMS = List.of("RSA", "EC", "EdDSA");
    /** Version 0, then the algorithm rsaEncryption without parameters, in DER. */
    private static final byte[] RSA_HEAD = {
        2, 1, 0, 0x30, 0x0d, 6, 9, 0x2a, (byte) 0x86, 0x48, (byte) 0x86, (byte) 0xf7, 0x0d, 1, 1, 1, 5, 0
    };

    /** @throws IOException naming the file that cannot be used */
    public ServerTls(Properties driver) throws IOException, GeneralSecurityException {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys(driver), trust(driver), null);
        factory = context.getSocketFactory();
    }

    private static KeyManager[] keys(Properties driver) throws IOException, GeneralSecurityException {
        Optional<Path> cert = file(driver, "sslcert");
        Optional<Path> key = file(driver, "sslkey");
        if (cert.isEmpty() || key.isEmpty()) {
            return new KeyManager[0];
        }
        char[] password = driver.getProperty("sslpassword", "").toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        Certificate[] chain = certificates(cert.get()).toArray(new Certificate[0]);
        store.setKeyEntry("client", privateKey(key.get(), password), password, chain);
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(store, password);
        return managers.getKeyManagers();
    }

    static PrivateKey privateKey(Path file, char[] password) throws IOException, GeneralSecurityException {
        Matcher block = BLOCK.matcher(Files.readString(file, StandardCharsets.ISO_8859_1));
        while (block.find()) {
            String type = block.group(1);
            if (!type.endsWith("PRIVATE KEY")) {
                continue;
            }
            try {
                byte[] der = Base64.getMimeDecoder().decode(block.group(2));
                switch (type) {
                    case "PRIVATE KEY" -> {
                        return privateKey(new PKCS8EncodedKeySpec(der));
                    }
                    case "ENCRYPTED PRIVATE KEY" -> {
                        EncryptedPrivateKeyInfo encrypted = new EncryptedPrivateKeyInfo(der);
                        // For the newer scheme this names its parts, where getAlgName would not.
                        String scheme = encrypted.getAlgParameters() == null
                                ? encrypted.getAlgName()
                                : encrypted.getAlgParameters().toString();
                        return privateKey(encrypted.getKeySpec(
                                SecretKeyFactory.getInstance(scheme).generateSecret(new PBEKeySpec(password))));
                    }
                    case "RSA PRIVATE KEY" -> {
                        return privateKey(new PKCS8EncodedKeySpec(sequence(RSA_HEAD, tagged(4, der))));
                    }
                    default -> throw new IOException(type + " is not supported");
                }
            } catch (IllegalArgumentException | IOException | GeneralSecurityException e) {
                throw new IOException(
                        "the key in " + file + " (sslkey) cannot be read: " + e.getMessage()
                                + ". 'openssl pkcs8 -topk8 -v2 aes256' makes one that can; sslpassword is its password",
                        e);
            }
        }
        throw new IOException("the file " + file + " (sslkey) holds no private key in PEM");
    }

    private static PrivateKey privateKey(PKCS8EncodedKeySpec spec) throws GeneralSecurityException {
        for (String algorithm : ALGORITHMS) {
            try {
                return KeyFactory.getInstance(algorithm).generatePrivate(spec);
            } catch (InvalidKeySpecException e) {
                // Of another kind.
                continue;
            }
        }
        throw new InvalidKeySpecException("it is none of " + ALGORITHMS);
    }

    private static byte[] sequence(byte[] first, byte[] second) {
        byte[] both = new byte[first.length + second.length];
        System.arraycopy(first, 0, both, 0, first.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return tagged(0x30, both);
    }

    /** In DER; keys are shorter than 64 kB. */
    private static byte[] tagged(int tag, byte[] content) {
        byte[] head = {(byte) tag, (byte) 0x82, (byte) (content.length >> 8), (byte) content.length};
        byte[] all = new byte[head.length + content.length];
        System.arraycopy(head, 0, all, 0, head.length);
        System.arraycopy(content, 0, all, head.length, content.length);
        return all;
    }

    private static TrustManager[] trust(Properties driver) throws IOException, GeneralSecurityException {
        String root = driver.getProperty("sslrootcert", "");
        if (root.isEmpty()) {
            return new TrustManager[] {new Anybody()};
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
        if (root.equals("system")) {
            managers.init((KeyStore) null);
            return managers.getTrustManagers();
        }
        KeyStore anchors = KeyStore.getInstance("PKCS12");
        anchors.load(null, null);
        for (Certificate certificate : certificates(Path.of(root))) {
            anchors.setCertificateEntry(Integer.toString(anchors.size()), certificate);
        }
        PKIXBuilderParameters parameters = new PKIXBuilderParameters(anchors, new X509CertSelector());
        List<CRL> revoked = revoked(driver);
        parameters.setRevocationEnabled(!revoked.isEmpty());
        parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(revoked)));
        managers.init(new CertPathTrustManagerParameters(parameters));
        return managers.getTrustManagers();
    }

    private static List<CRL> revoked(Properties driver) throws IOException, GeneralSecurityException {
        List<Path> lists = new ArrayList<>();
        file(driver, "sslcrl").ifPresent(lists::add);
        Optional<Path> directory = file(driver, "sslcrldir");
        if (directory.isPresent()) {
            try (Stream<Path> entries = Files.list(directory.get())) {
                entries.filter(Files::isRegularFile).forEach(lists::add);
            }
        }
        List<CRL> revoked = new ArrayList<>();
        for (Path list : lists) {
            try (InputStream in = Files.newInputStream(list)) {
                revoked.addAll(CertificateFactory.getInstance("X.509").generateCRLs(in));
            }
        }
        return revoked;
    }

    private static Collection<? extends Certificate> certificates(Path file)
            throws IOException, GeneralSecurityException {
        // Only the certificates: there may be words around them.
        StringBuilder blocks = new StringBuilder();
        Matcher block = BLOCK.matcher(Files.readString(file, StandardCharsets.ISO_8859_1));
        while (block.find()) {
            if (block.group(1).endsWith("CERTIFICATE")) {
                blocks.append(block.group()).append('\n');
            }
        }
        if (blocks.isEmpty()) {
            throw new IOException("the file " + file + " holds no certificate in PEM");
        }
        return CertificateFactory.getInstance("X.509")
                .generateCertificates(
                        new ByteArrayInputStream(blocks.toString().getBytes(StandardCharsets.ISO_8859_1)));
    }

    private static Optional<Path> file(Properties driver, String name) {
        return Optional.ofNullable(driver.getProperty(name))
                .filter(f -> !f.isEmpty())
                .map(Path::of);
    }

    /** Encryption alone, as libpq does it when it is not told whom to trust. */
    private static final class Anybody extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, java.net.Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, java.net.Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, javax.net.ssl.SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, javax.net.ssl.SSLEngine engine) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
