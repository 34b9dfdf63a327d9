package dev.matriarch.raft;

import java.net.InetSocketAddress;

/** {@code host:port}; an IPv6 host stands in brackets. */
record PeerAddress(String host, int port) {
    static PeerAddress parse(String text) throws StoreStartException {
        int colon = text.lastIndexOf(':');
        try {
            int port = Integer.parseInt(text.substring(colon + 1));
            if (colon > 0 && port > 0 && port < 65536) {
                String host = text.substring(0, colon);
                return new PeerAddress(
                        host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host, port);
            }
        } catch (NumberFormatException e) {
            // Falls through to the sentence below.
        }
        throw new StoreStartException(
                "\"" + text + "\" is not an address of the form host:port. Correct it in the raft "
                        + "section of the configuration.");
    }

    InetSocketAddress socketAddress() {
        return new InetSocketAddress(host, port);
    }
}
