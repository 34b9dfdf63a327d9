package dev.matriarch.tls.authority;

import dev.matriarch.tls.Pem;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.util.IPAddress;

/** Who vouches for the certificates of one cluster's members: a certificate and its key. EC P-256, SHA-256. */
public final class CertificateAuthority {
    public static final Duration LIFETIME = Duration.ofDays(3650);
    /** Clocks of members differ: what is made now holds a little earlier too. */
    static final Duration BACKDATED = Duration.ofMinutes(10);

    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int SERIAL_BITS = 127;
    /** Of a common name, by X.520. */
    private static final int LONGEST_NAME = 64;

    private final X509Certificate certificate;
    private final PrivateKey key;

    private CertificateAuthority(X509Certificate certificate, PrivateKey key) {
        this.certificate = certificate;
        this.key = key;
    }

    /**
     * A new authority, with a name of its own: two of one cluster are told apart by it.
     *
     * @param cluster its name, for people
     */
    public static CertificateAuthority create(String cluster, Instant now) {
        byte[] tail = new byte[4];
        RANDOM.nextBytes(tail);
        String end = " authority " + HexFormat.of().formatHex(tail);
        X500Name name = name(shortened(cluster, LONGEST_NAME - end.length()) + end, Optional.empty());
        try {
            KeyPair pair = newKey();
            X509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
                    name,
                    serial(),
                    Date.from(now.minus(BACKDATED)),
                    Date.from(now.plus(LIFETIME)),
                    name,
                    pair.getPublic());
            JcaX509ExtensionUtils extensions = new JcaX509ExtensionUtils();
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(0));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
            builder.addExtension(
                    Extension.subjectKeyIdentifier, false, extensions.createSubjectKeyIdentifier(pair.getPublic()));
            return new CertificateAuthority(signed(builder, pair.getPrivate()), pair.getPrivate());
        } catch (GeneralSecurityException | CertIOException | OperatorCreationException e) {
            throw impossible(e);
        }
    }

    /** @throws IOException if the file does not hold an authority and its key; the message names it */
    public static CertificateAuthority read(Path file) throws IOException {
        return of(Pem.certificates(file).getFirst(), Pem.privateKey(file, Optional.empty()), file.toString());
    }

    /** @param pem as {@link #pem} */
    public static CertificateAuthority parse(String pem) throws IOException {
        String where = "the text that was sent";
        return of(Pem.certificates(pem, where).getFirst(), Pem.privateKey(pem, where, Optional.empty()), where);
    }

    private static CertificateAuthority of(X509Certificate certificate, PrivateKey key, String file)
            throws IOException {
        CertificateAuthority read = new CertificateAuthority(certificate, key);
        if (certificate.getBasicConstraints() < 0) {
            throw new IOException(file + " holds the certificate of "
                    + certificate.getSubjectX500Principal().getName() + ", which is no authority");
        }
        if (!read.signsWithItsKey()) {
            throw new IOException(
                    "the key in " + file + " is not that of the authority's certificate in the same file");
        }
        return read;
    }

    private boolean signsWithItsKey() {
        try {
            Instant now = certificate.getNotBefore().toInstant();
            issue(newKey().getPublic(), "test", "test", List.of("localhost"), now, Duration.ofHours(1))
                    .verify(certificate.getPublicKey());
            return true;
        } catch (GeneralSecurityException | RuntimeException e) {
            return false;
        }
    }

    public X509Certificate certificate() {
        return certificate;
    }

    /** Certificate and key, for a file that nobody else may read. */
    public String pem() {
        return PemText.of(certificate) + PemText.of(key);
    }

    /**
     * A certificate for a server and client in one.
     *
     * @param name of the node, for people
     * @param hosts names and addresses by which others call it
     * @param lifetime cut at the end of the authority's own life
     */
    public X509Certificate issue(
            PublicKey forKey, String name, String cluster, List<String> hosts, Instant now, Duration lifetime) {
        Instant end = now.plus(lifetime);
        Instant last = certificate.getNotAfter().toInstant();
        try {
            X509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
                    certificate,
                    serial(),
                    Date.from(now.minus(backdated(lifetime))),
                    Date.from(end.isBefore(last) ? end : last),
                    new javax.security.auth.x500.X500Principal(
                            name(shortened(name, LONGEST_NAME), Optional.of(shortened(cluster, LONGEST_NAME)))
                                    .getEncoded()),
                    forKey);
            JcaX509ExtensionUtils extensions = new JcaX509ExtensionUtils();
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
            builder.addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(new KeyPurposeId[] {
                KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth
            }));
            builder.addExtension(
                    Extension.subjectAlternativeName,
                    false,
                    new GeneralNames(hosts.stream()
                            .distinct()
                            .map(CertificateAuthority::generalName)
                            .toArray(GeneralName[]::new)));
            builder.addExtension(Extension.subjectKeyIdentifier, false, extensions.createSubjectKeyIdentifier(forKey));
            builder.addExtension(
                    Extension.authorityKeyIdentifier, false, extensions.createAuthorityKeyIdentifier(certificate));
            return signed(builder, key);
        } catch (GeneralSecurityException | IOException | OperatorCreationException e) {
            throw impossible(e);
        }
    }

    /** A short life must not look as if most of it were over. */
    private static Duration backdated(Duration lifetime) {
        Duration tenth = lifetime.dividedBy(10);
        return tenth.compareTo(BACKDATED) < 0 ? tenth : BACKDATED;
    }

    private static GeneralName generalName(String host) {
        return new GeneralName(IPAddress.isValid(host) ? GeneralName.iPAddress : GeneralName.dNSName, host);
    }

    /** For a node. */
    public static KeyPair newKey() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"), RANDOM);
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw impossible(e);
        }
    }

    private static X509Certificate signed(X509v3CertificateBuilder builder, PrivateKey key)
            throws GeneralSecurityException, OperatorCreationException {
        return new JcaX509CertificateConverter()
                .getCertificate(builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(key)));
    }

    private static BigInteger serial() {
        return new BigInteger(SERIAL_BITS, RANDOM).setBit(SERIAL_BITS - 1);
    }

    private static X500Name name(String common, Optional<String> organization) {
        X500NameBuilder builder = new X500NameBuilder(BCStyle.INSTANCE).addRDN(BCStyle.CN, common);
        organization.ifPresent(o -> builder.addRDN(BCStyle.O, o));
        return builder.build();
    }

    private static String shortened(String text, int most) {
        return text.length() <= most ? text : text.substring(0, most);
    }

    private static IllegalStateException impossible(Exception e) {
        return new IllegalStateException("a certificate cannot be made: " + e.getMessage(), e);
    }
}
