package dev.matriarch.zookeeper;

import dev.matriarch.tls.authority.CertificateAuthority;
import dev.matriarch.tls.authority.PemText;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PKCS8Generator;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;
import org.bouncycastle.openssl.jcajce.JceOpenSSLPKCS8EncryptorBuilder;
import org.bouncycastle.operator.OperatorCreationException;

/** Files of an authority and of those that it vouches for. */
final class Certificates {
    private final Path dir;
    private final CertificateAuthority authority = CertificateAuthority.create("zookeeper", Instant.now());
    private final Path ca;

    Certificates(Path dir) throws IOException {
        this.dir = Files.createDirectories(dir);
        this.ca = Files.writeString(dir.resolve("ca.pem"), PemText.of(authority.certificate()));
    }

    Path ca() {
        return ca;
    }

    /** Certificate and key in one file, made for 127.0.0.1 and with the subject {@code CN=name,O=demo}. */
    Path both(String name) throws IOException {
        KeyPair pair = CertificateAuthority.newKey();
        return Files.writeString(
                dir.resolve(name + ".pem"), PemText.of(pair.getPrivate()) + PemText.of(certificate(name, pair)));
    }

    /** Two files. */
    record Files2(Path certificate, Path key) {}

    Files2 withEncryptedKey(String name, String password) throws IOException, OperatorCreationException {
        KeyPair pair = CertificateAuthority.newKey();
        return new Files2(
                Files.writeString(dir.resolve(name + ".crt"), PemText.of(certificate(name, pair))),
                Files.writeString(dir.resolve(name + ".key"), encrypted(pair.getPrivate(), password)));
    }

    private X509Certificate certificate(String name, KeyPair pair) {
        return authority.issue(
                pair.getPublic(), name, "demo", List.of("127.0.0.1"), Instant.now(), Duration.ofHours(1));
    }

    private static String encrypted(PrivateKey key, String password) throws IOException, OperatorCreationException {
        StringWriter text = new StringWriter();
        try (JcaPEMWriter pem = new JcaPEMWriter(text)) {
            pem.writeObject(new JcaPKCS8Generator(
                    key,
                    new JceOpenSSLPKCS8EncryptorBuilder(PKCS8Generator.AES_256_CBC)
                            .setProvider(new BouncyCastleProvider())
                            .setPRF(PKCS8Generator.PRF_HMACSHA256)
                            .setPassword(password.toCharArray())
                            .build()));
        }
        return text.toString();
    }
}
