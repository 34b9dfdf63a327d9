package dev.matriarch.tls.authority;

import java.io.IOException;
import java.io.StringReader;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PublicKey;
import java.security.interfaces.ECPublicKey;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.pkcs.PKCSException;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequest;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

/**
 * A request for a certificate (PKCS #10, in PEM form): it shows that who asks has the key. What the certificate says is up to who
 * signs it, and not to the request. Pure.
 */
public final class CertificateRequest {
    private static final int LONGEST = 16_384;
    private static final int CURVE_BITS = 256;

    private CertificateRequest() {}

    /** @param name of the node, for people */
    public static String of(KeyPair key, String name) {
        try {
            PKCS10CertificationRequest request = new JcaPKCS10CertificationRequestBuilder(
                            new X500NameBuilder(BCStyle.INSTANCE)
                                    .addRDN(BCStyle.CN, name)
                                    .build(),
                            key.getPublic())
                    .build(new JcaContentSignerBuilder("SHA256withECDSA").build(key.getPrivate()));
            return PemText.block("CERTIFICATE REQUEST", request.getEncoded());
        } catch (OperatorCreationException | IOException e) {
            throw new IllegalStateException("a certificate request cannot be made: " + e.getMessage(), e);
        }
    }

    /**
     * The key of a request that was signed with it.
     *
     * @throws IOException if it is none, its signature is not of its key, or the key is not on the curve P-256
     */
    public static PublicKey key(String pem) throws IOException {
        if (pem.length() > LONGEST) {
            throw new IOException("the certificate request is longer than any");
        }
        try (PEMParser parser = new PEMParser(new StringReader(pem))) {
            if (!(parser.readObject() instanceof PKCS10CertificationRequest read)) {
                throw new IOException("it is no certificate request in PEM form");
            }
            PublicKey key = new JcaPKCS10CertificationRequest(read).getPublicKey();
            if (!(key instanceof ECPublicKey curve)
                    || curve.getParams().getCurve().getField().getFieldSize() != CURVE_BITS) {
                throw new IOException("its key is not on the curve P-256");
            }
            if (!read.isSignatureValid(new JcaContentVerifierProviderBuilder().build(key))) {
                throw new IOException("it was not signed with the key that it names");
            }
            return key;
        } catch (GeneralSecurityException | OperatorCreationException | PKCSException | RuntimeException e) {
            throw new IOException("the certificate request cannot be read: " + e.getMessage(), e);
        }
    }
}
