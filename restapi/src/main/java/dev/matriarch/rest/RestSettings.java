package dev.matriarch.rest;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How the HTTP door is opened.
 *
 * @param host address to listen on; {@code *} or an empty text: all of them
 * @param port 0: any free one
 * @param backlog connections that wait in the kernel to be accepted
 * @param tls absent: plain HTTP
 * @param guests who may change something
 * @param headers that every answer carries
 * @param ui whether the status page is there
 * @param idleTimeout how long a connection may say nothing before it is closed
 * @param maxConnections how many may be open at once; more wait in the kernel's queue
 */
public record RestSettings(
        String host,
        int port,
        int backlog,
        Optional<Tls> tls,
        Guests guests,
        Headers headers,
        boolean ui,
        Duration idleTimeout,
        int maxConnections) {
    private static final int BACKLOG = 256;
    private static final Duration IDLE = Duration.ofSeconds(10);
    private static final int MOST_CONNECTIONS = 1000;

    /** Idle connections are closed after 10 s; 1000 may be open. */
    public RestSettings(
            String host, int port, int backlog, Optional<Tls> tls, Guests guests, Headers headers, boolean ui) {
        this(host, port, backlog, tls, guests, headers, ui, IDLE, MOST_CONNECTIONS);
    }

    /** Plain HTTP. */
    RestSettings(String host, int port, Optional<Credentials> credentials) {
        this(host, port, credentials, IDLE, MOST_CONNECTIONS);
    }

    /** Plain HTTP. */
    RestSettings(String host, int port, Optional<Credentials> credentials, Duration idleTimeout, int maxConnections) {
        this(
                host,
                port,
                BACKLOG,
                Optional.empty(),
                new Guests(credentials, List.of(), false),
                Headers.NONE,
                true,
                idleTimeout,
                maxConnections);
    }

    public record Credentials(String username, String password) {
        @Override
        public String toString() {
            return "Credentials[" + username + "]";
        }
    }

    /**
     * @param credentials asked for on requests that change something; absent: not asked for
     * @param allowlist addresses, networks and host names that such requests may come from; empty: any
     * @param members such requests may also come from the hosts of the cluster's members
     */
    public record Guests(Optional<Credentials> credentials, List<String> allowlist, boolean members) {
        public Guests {
            allowlist = List.copyOf(allowlist);
        }
    }

    public enum VerifyClient {
        NONE,
        /** Requests that change something need a certificate. */
        OPTIONAL,
        /** Every connection needs one. */
        REQUIRED
    }

    /**
     * @param keyfile absent: the key is in {@code certfile}
     * @param cafile whom clients' certificates must come from
     * @param ciphers as OpenSSL writes them, for TLS 1.2
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
     * @param always on every answer
     * @param overTls besides, on those over TLS
     * @param server value of the header of that name; absent: none
     */
    public record Headers(Map<String, String> always, Map<String, String> overTls, Optional<String> server) {
        public static final Headers NONE = new Headers(Map.of(), Map.of(), Optional.empty());

        public Headers {
            always = Map.copyOf(always);
            overTls = Map.copyOf(overTls);
        }
    }

    String address() {
        return (host.isEmpty() ? "*" : host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }

    /** True if a listener made for {@code other} serves these as well, once it has read them. */
    boolean sameListener(RestSettings other) {
        return host.equals(other.host)
                && port == other.port
                && backlog == other.backlog
                && tls.isPresent() == other.tls.isPresent();
    }
}
