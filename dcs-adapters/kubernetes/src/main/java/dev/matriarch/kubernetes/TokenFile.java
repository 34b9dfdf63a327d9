package dev.matriarch.kubernetes;

import io.fabric8.kubernetes.client.OAuthTokenProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A service account's token, which Kubernetes writes anew before it ends. Any thread. */
final class TokenFile implements OAuthTokenProvider {
    private static final Logger LOG = LoggerFactory.getLogger(TokenFile.class);
    private static final long FRESH_NANOS = 1_000_000_000L;

    private final Path file;
    private String token = "";
    private long readAt;
    private boolean complained;

    /** @throws IOException if there is no token to begin with */
    TokenFile(Path file) throws IOException {
        this.file = file;
        this.token = read();
        this.readAt = System.nanoTime();
    }

    private String read() throws IOException {
        String text = Files.readString(file).strip();
        if (!text.matches("[\\x21-\\x7e]+")) {
            // It goes into a header; what it holds is nobody's business.
            throw new IOException(file + " holds no token");
        }
        return text;
    }

    @Override
    public synchronized String getToken() {
        long now = System.nanoTime();
        if (now - readAt > FRESH_NANOS) {
            readAt = now;
            try {
                token = read();
                complained = false;
            } catch (IOException e) {
                if (!complained) {
                    LOG.warn(
                            "The service account's token cannot be read; the one read before is used: {}",
                            e.toString());
                }
                complained = true;
            }
        }
        return token;
    }
}
