package dev.matriarch.agent.join;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.matriarch.proto.control.v1.TokenText;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * What a person carries to a new host: one word, without blanks and signs that a shell would understand. Pure but for
 * {@link #newId} and {@link #newSecret}.
 *
 * @param id by which it is listed and revoked; no secret
 * @param secret shown to the members once
 * @param authority SHA-256 of the authority's certificate, in hexadecimal digits
 * @param addresses of the control ports of members that can sign
 * @param scope the cluster's name
 */
public record JoinToken(
        String id, ByteString secret, String authority, List<String> addresses, Instant expires, String scope) {
    /** The number is that of the form. */
    static final String PREFIX = "mtj1_";

    private static final String ANY_PREFIX = "mtj\\d+_.*";
    private static final int ID_BYTES = 4;
    private static final int SECRET_BYTES = 24;
    private static final int DIGEST_BYTES = 32;
    private static final SecureRandom RANDOM = new SecureRandom();

    public JoinToken {
        addresses = List.copyOf(addresses);
    }

    static String newId() {
        byte[] id = new byte[ID_BYTES];
        RANDOM.nextBytes(id);
        return HexFormat.of().formatHex(id);
    }

    static ByteString newSecret() {
        byte[] secret = new byte[SECRET_BYTES];
        RANDOM.nextBytes(secret);
        return ByteString.copyFrom(secret);
    }

    /** What the store keeps of a secret. It is random and long: nothing is gained by a slow hash. */
    static ByteString hash(ByteString secret) {
        try {
            return ByteString.copyFrom(MessageDigest.getInstance("SHA-256").digest(secret.toByteArray()));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("each JDK has SHA-256", e);
        }
    }

    String text() {
        byte[] said = TokenText.newBuilder()
                .setId(id)
                .setSecret(secret)
                .setAuthority(ByteString.copyFrom(HexFormat.of().parseHex(authority)))
                .addAllAddresses(addresses)
                .setExpires(expires.getEpochSecond())
                .setScope(scope)
                .build()
                .toByteArray();
        byte[] checked = ByteBuffer.allocate(said.length + Integer.BYTES)
                .put(said)
                .putInt(checksum(said))
                .array();
        return PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(checked);
    }

    /**
     * @param text with blanks and line breaks wherever a terminal put them
     * @throws IOException if it is no token, a part of it is missing, or a newer version made it
     */
    static JoinToken parse(String text) throws IOException {
        String word = text.replaceAll("\\s", "");
        if (!word.startsWith(PREFIX)) {
            throw new IOException(
                    word.matches(ANY_PREFIX)
                            ? "the token is of a form that this version does not know; install the version that the"
                                    + " cluster runs"
                            : "that is no token: one begins with " + PREFIX + " and is made by: matriarchctl cluster"
                                    + " token");
        }
        try {
            byte[] checked = Base64.getUrlDecoder().decode(word.substring(PREFIX.length()));
            if (checked.length <= Integer.BYTES) {
                throw damaged();
            }
            byte[] said = Arrays.copyOf(checked, checked.length - Integer.BYTES);
            if (ByteBuffer.wrap(checked, said.length, Integer.BYTES).getInt() != checksum(said)) {
                throw damaged();
            }
            TokenText read = TokenText.parseFrom(said);
            if (read.getAuthority().size() != DIGEST_BYTES || read.getAddressesCount() == 0) {
                throw damaged();
            }
            return new JoinToken(
                    read.getId(),
                    read.getSecret(),
                    HexFormat.of().formatHex(read.getAuthority().toByteArray()),
                    read.getAddressesList(),
                    Instant.ofEpochSecond(read.getExpires()),
                    read.getScope());
        } catch (IllegalArgumentException | InvalidProtocolBufferException e) {
            throw damaged();
        }
    }

    private static IOException damaged() {
        return new IOException("the token is damaged: a part of it is missing or was mistyped; copy the whole line");
    }

    private static int checksum(byte[] said) {
        CRC32C crc = new CRC32C();
        crc.update(said);
        return (int) crc.getValue();
    }

    /** Without its secret. */
    @Override
    public String toString() {
        return "JoinToken[" + id + " of " + scope + "]";
    }
}
