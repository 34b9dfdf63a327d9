package dev.matriarch.rest;

import io.helidon.common.socket.PeerInfo;
import io.helidon.webserver.ConnectionContext;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.Principal;
import java.util.Optional;

/** What every connection tells of its other end. */
final class Carrier {
    private Carrier() {}

    static Caller caller(ConnectionContext connection, Optional<String> authorization, Optional<String> accept) {
        return caller(connection.remotePeer(), connection.isSecure(), authorization, accept);
    }

    static Caller caller(PeerInfo peer, boolean secure, Optional<String> authorization, Optional<String> accept) {
        InetAddress address = peer.address() instanceof InetSocketAddress socket && socket.getAddress() != null
                ? socket.getAddress()
                : InetAddress.getLoopbackAddress();
        Optional<Principal> principal = secure ? peer.tlsPrincipal() : Optional.empty();
        return new Caller(address, authorization, accept, secure, principal.isPresent());
    }
}
