package dev.matriarch.rest;

import java.net.InetAddress;
import java.util.Optional;

/**
 * Who sends a request.
 *
 * @param authorization the header of that name
 * @param accept the header of that name
 * @param overTls the connection is encrypted
 * @param certified the client has shown a certificate that was verified
 */
record Caller(
        InetAddress address,
        Optional<String> authorization,
        Optional<String> accept,
        boolean overTls,
        boolean certified) {
    /** The client says itself that it reads JSON. */
    boolean wantsJson() {
        return accept.filter(a -> a.contains("application/json")).isPresent();
    }
}
