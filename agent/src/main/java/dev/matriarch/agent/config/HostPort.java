package dev.matriarch.agent.config;

import java.net.URI;
import java.net.URISyntaxException;

/** An address as users write it: {@code 10.0.0.1:5432}, {@code [::1]:5432}, {@code name:5432}. */
public record HostPort(String host, int port) {
    public HostPort {
        if (host.isBlank()) {
            throw new IllegalArgumentException("the host is missing");
        }
        if (port < 1 || port > 65535) {
            throw new IllegalArgumentException("port " + port + " is not in 1..65535");
        }
    }

    /** @throws IllegalArgumentException with a sentence for the user */
    public static HostPort parse(String text, int defaultPort) {
        String host = text.strip();
        int port = defaultPort;
        int colon = host.lastIndexOf(':');
        boolean bareIpv6 = colon >= 0 && host.indexOf(':') != colon && !host.startsWith("[");
        if (colon >= 0 && !bareIpv6 && colon > host.lastIndexOf(']')) {
            try {
                port = Integer.parseInt(host.substring(colon + 1));
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException("'" + text + "' is not host:port", e);
            }
            host = host.substring(0, colon);
        }
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        if (port <= 0) {
            throw new IllegalArgumentException("'" + text + "' needs a port, as in host:port");
        }
        return new HostPort(host, port);
    }

    /** @throws IllegalArgumentException with a sentence for the user, if no URL may have such a host */
    URI url(String scheme) {
        try {
            URI url = new URI(scheme + "://" + this);
            if (url.getHost() != null && url.getPort() == port && url.getRawUserInfo() == null) {
                return url;
            }
        } catch (URISyntaxException e) {
            // Said below, for what the user wrote.
        }
        throw new IllegalArgumentException(
                "a host has letters, digits, dots and hyphens only, or is an IP address; '" + host + "' is neither");
    }

    @Override
    public String toString() {
        return host.indexOf(':') >= 0 ? "[" + host + "]:" + port : host + ":" + port;
    }
}
