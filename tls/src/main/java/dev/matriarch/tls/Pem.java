package dev.matriarch.tls;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/** Certificates and private keys in the files that OpenSSL writes. Error messages name the file and never its content. */
public final class Pem {
    private static final long LONGEST_FILE = 4 << 20;
    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----\\R(.*?)-----END \\1-----", Pattern.DOTALL);
    private static final byte[] RSA_ALGORITHM = {
        0x30, 0x0d, 0x06, 0x09, 0x2a, (byte) 0x86, 0x48, (byte) 0x86, (byte) 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00
    };
    private static final byte[] RSA_OID = Arrays.copyOfRange(RSA_ALGORITHM, 2, 13);
    private static final byte[] EC_OID = {0x06, 0x07, 0x2a, (byte) 0x86, 0x48, (byte) 0xce, 0x3d, 0x02, 0x01};

    private Pem() {}

    /** @throws IOException if there is none, or one cannot be read */
    public static List<X509Certificate> certificates(Path file) throws IOException {
        return certificates(content(file), file.toString());
    }

    /** @param where the text comes from, for people */
    public static List<X509Certificate> certificates(String text, String where) throws IOException {
        List<X509Certificate> certificates = new ArrayList<>();
        try {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            for (Block block : blocks(text, where)) {
                if (block.type().endsWith("CERTIFICATE")) {
                    certificates.add(
                            (X509Certificate) factory.generateCertificate(new ByteArrayInputStream(block.content())));
                }
            }
        } catch (GeneralSecurityException | RuntimeException e) {
            throw new IOException(where + " holds a certificate that cannot be read: " + e.getMessage(), e);
        }
        if (certificates.isEmpty()) {
            throw new IOException(where + " holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
        }
        return certificates;
    }

    public static PrivateKey privateKey(Path file, Optional<String> password) throws IOException {
        return privateKey(content(file), file.toString(), password);
    }

    /** @param file where the text comes from, for people */
    public static PrivateKey privateKey(String text, String file, Optional<String> password) throws IOException {
        for (Block block : blocks(text, file)) {
            if (block.type().endsWith("PRIVATE KEY")) {
                try {
                    return key(file, block, password);
                } catch (GeneralSecurityException | RuntimeException e) {
                    throw new IOException(
                            "the private key in " + file + " cannot be read"
                                    + (password.isPresent() ? ", perhaps the password is wrong" : "") + ": "
                                    + e.getMessage(),
                            e);
                }
            }
        }
        throw new IOException(file + " holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)");
    }

    private static PrivateKey key(String file, Block block, Optional<String> password)
            throws IOException, GeneralSecurityException {
        return switch (block.type()) {
            case "PRIVATE KEY" -> pkcs8(block.content());
            case "RSA PRIVATE KEY" -> pkcs8(wrapped(RSA_ALGORITHM, block.content()));
            case "EC PRIVATE KEY" -> pkcs8(wrapped(ecAlgorithm(block.content()), block.content()));
            case "ENCRYPTED PRIVATE KEY" -> {
                if (password.isEmpty()) {
                    throw new IOException(
                            "the private key in " + file + " is encrypted; give its password where the file is named");
                }
                EncryptedPrivateKeyInfo info = new EncryptedPrivateKeyInfo(block.content());
                String algorithm =
                        info.getAlgName().equals("PBES2") || info.getAlgName().startsWith("1.2.840.113549.1.5.13")
                                ? info.getAlgParameters().toString()
                                : info.getAlgName();
                var secret = SecretKeyFactory.getInstance(algorithm)
                        .generateSecret(new PBEKeySpec(password.get().toCharArray()));
                yield pkcs8(info.getKeySpec(secret).getEncoded());
            }
            default -> throw new IOException("its form, " + block.type() + ", is not known");
        };
    }

    private static PrivateKey pkcs8(byte[] encoded) throws GeneralSecurityException {
        GeneralSecurityException last = null;
        for (String algorithm : likeliestFirst(encoded)) {
            try {
                return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(encoded));
            } catch (GeneralSecurityException e) {
                last = e;
            }
        }
        throw new GeneralSecurityException("it is neither an RSA nor an EC nor an Ed25519 key", last);
    }

    /** A wrong guess costs: before it is refused, the JDK loads each provider that it knows of, Bouncy Castle's too. */
    private static List<String> likeliestFirst(byte[] pkcs8) {
        if (names(pkcs8, EC_OID)) {
            return List.of("EC", "RSA", "EdDSA");
        }
        return names(pkcs8, RSA_OID) ? List.of("RSA", "EC", "EdDSA") : List.of("EdDSA", "RSA", "EC");
    }

    /** Length and version come before the algorithm, at most 11 bytes. */
    private static boolean names(byte[] pkcs8, byte[] oid) {
        for (int i = 0; i <= 11 && i + oid.length <= pkcs8.length; i++) {
            if (Arrays.equals(pkcs8, i, i + oid.length, oid, 0, oid.length)) {
                return true;
            }
        }
        return false;
    }

    private record Block(String type, byte[] content) {}

    private static List<Block> blocks(String text, String file) throws IOException {
        List<Block> blocks = new ArrayList<>();
        Matcher m = BLOCK.matcher(text);
        while (m.find()) {
            if (m.group(2).contains("Proc-Type:")) {
                throw new IOException(file
                        + " holds a key encrypted in a form of long ago; write it anew with: openssl pkcs8 -topk8");
            }
            try {
                blocks.add(new Block(m.group(1), Base64.getMimeDecoder().decode(m.group(2))));
            } catch (IllegalArgumentException e) {
                throw new IOException(file + " is damaged: what follows BEGIN " + m.group(1) + " is no Base64", e);
            }
        }
        return blocks;
    }

    private static String content(Path file) throws IOException {
        try {
            if (Files.size(file) > LONGEST_FILE) {
                throw new IOException(file + " is larger than 4 MB: it is no PEM file");
            }
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (NoSuchFileException e) {
            throw new IOException(file + " cannot be read: there is no such file", e);
        } catch (AccessDeniedException e) {
            throw new IOException(
                    file + " cannot be read: user " + System.getProperty("user.name") + " has no permission", e);
        }
    }

    // --- DER: older forms of keys are put into the one that Java reads (RFC 5958) ---

    private static byte[] wrapped(byte[] algorithm, byte[] key) {
        return der(0x30, joined(new byte[] {0x02, 0x01, 0x00}, algorithm, der(0x04, key)));
    }

    /** The curve stands in the key itself, in its field [0] (RFC 5915). */
    private static byte[] ecAlgorithm(byte[] key) throws IOException {
        for (int i = 2; i + 2 < key.length; i++) {
            if ((key[i] & 0xFF) == 0xA0 && key[i + 2] == 0x06 && key[i + 1] == key[i + 3] + 2) {
                byte[] curve = Arrays.copyOfRange(key, i + 2, i + 2 + key[i + 1]);
                return der(0x30, joined(EC_OID, curve));
            }
        }
        throw new IOException("it does not name its curve");
    }

    private static byte[] der(int tag, byte[] content) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(content.length + 6);
        out.write(tag);
        if (content.length < 128) {
            out.write(content.length);
        } else {
            int bytes = content.length < 256 ? 1 : content.length < 65_536 ? 2 : 3;
            out.write(0x80 | bytes);
            for (int i = bytes - 1; i >= 0; i--) {
                out.write(content.length >> 8 * i);
            }
        }
        out.writeBytes(content);
        return out.toByteArray();
    }

    private static byte[] joined(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }
}
