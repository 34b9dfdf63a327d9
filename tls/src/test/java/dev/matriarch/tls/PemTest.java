package dev.matriarch.tls;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PemTest {
    /** It comes after the JDK's own, as Bouncy Castle's would. */
    private static final class Last extends Provider {
        private static final long serialVersionUID = 1;
        private final transient List<String> asked = new ArrayList<>();

        Last() {
            super("Last", "0", "takes down what it is asked for");
        }

        @Override
        public Service getService(String type, String algorithm) {
            asked.add(type + " " + algorithm);
            return null;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"RSA", "EC", "Ed25519"})
    void aKeyIsReadWithoutAskingEachProvider(String algorithm) throws Exception {
        PrivateKey key =
                KeyPairGenerator.getInstance(algorithm).generateKeyPair().getPrivate();
        String pem = "-----BEGIN PRIVATE KEY-----\n"
                + Base64.getMimeEncoder().encodeToString(key.getEncoded())
                + "\n-----END PRIVATE KEY-----\n";
        Last last = new Last();
        Security.addProvider(last);
        try {
            assertEquals(key, Pem.privateKey(pem, "the test", Optional.empty()));
        } finally {
            Security.removeProvider(last.getName());
        }
        assertEquals(List.of(), last.asked);
    }
}
