package dev.matriarch.agent.config;

import dev.matriarch.agent.config.AgentConfig.Credentials;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The REST door.
 *
 * @param authentication user and password for unsafe requests; absent: open to who reaches the port
 * @param tls absent: plain HTTP
 * @param queue connections that may wait to be accepted
 * @param ui whether the status page is there
 */
public record RestConfig(
        HostPort listen,
        HostPort connectAddress,
        Optional<Credentials> authentication,
        Optional<Tls> tls,
        Guests guests,
        Answers answers,
        int queue,
        boolean ui) {

    public enum VerifyClient {
        NONE,
        OPTIONAL,
        REQUIRED
    }

    /**
     * @param keyfile absent: the key is in {@code certfile}
     * @param ciphers as OpenSSL writes them
     */
    public record Tls(
            Path certfile,
            Optional<Path> keyfile,
            Optional<String> keyPassword,
            Optional<Path> cafile,
            Optional<String> ciphers,
            VerifyClient verifyClient) {
        @Override
        public String toString() {
            return "Tls[" + certfile + ", " + verifyClient + "]";
        }
    }

    /**
     * @param allowlist addresses, networks and host names that unsafe requests may come from; empty: any
     * @param members they may also come from the other members' hosts
     */
    public record Guests(List<String> allowlist, boolean members) {}

    /**
     * @param headers on every answer
     * @param headersOverTls besides, on those over TLS
     */
    public record Answers(Map<String, String> headers, Map<String, String> headersOverTls, ServerTokens serverTokens) {}

    /** What the Server header says. */
    public enum ServerTokens {
        /** There is none. */
        ORIGINAL,
        MINIMAL,
        PRODUCT_ONLY
    }

    /** The base of its URLs. */
    public String url() {
        return (tls.isPresent() ? "https://" : "http://") + connectAddress;
    }
}
