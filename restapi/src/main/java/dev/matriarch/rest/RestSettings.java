package dev.matriarch.rest;

import java.time.Duration;
import java.util.Optional;

/**
 * How the HTTP door is opened.
 *
 * @param host address to listen on; {@code *} or an empty text: all of them
 * @param port 0: any free one
 * @param credentials asked for on requests that change something; absent: not asked for
 * @param idleTimeout how long a connection may say nothing before it is closed
 * @param maxConnections how many may be open at once; more wait in the kernel's queue
 */
public record RestSettings(
        String host, int port, Optional<Credentials> credentials, Duration idleTimeout, int maxConnections) {
    /** Idle connections are closed after 10 s; 1000 may be open. */
    public RestSettings(String host, int port, Optional<Credentials> credentials) {
        this(host, port, credentials, Duration.ofSeconds(10), 1000);
    }

    public record Credentials(String username, String password) {
        @Override
        public String toString() {
            return "Credentials[" + username + "]";
        }
    }

    String address() {
        return (host.isEmpty() ? "*" : host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }
}
