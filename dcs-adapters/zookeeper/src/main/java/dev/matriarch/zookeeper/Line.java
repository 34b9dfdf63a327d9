package dev.matriarch.zookeeper;

import dev.matriarch.dcs.http.Addresses;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.Optional;
import java.util.function.Supplier;

/** From one client of ZooKeeper to its servers, in the clear or with TLS. To be closed when the client has ended. */
final class Line implements AutoCloseable {
    private final InOrder hosts;
    private final Optional<Tunnel> tunnel;

    /** @param tls absent: in the clear */
    Line(Addresses servers, Optional<TlsClient> tls) throws IOException {
        tunnel = tls.isPresent() ? Optional.of(new Tunnel(tls.get())) : Optional.empty();
        hosts = tunnel.map(t -> new InOrder(servers, t::towards)).orElseGet(() -> new InOrder(servers));
    }

    /** Tells the client whom to connect to. */
    InOrder hosts() {
        return hosts;
    }

    /** @param local the client's end of its connection */
    void isOf(Supplier<SocketAddress> local) {
        tunnel.ifPresent(t -> t.isOf(local));
    }

    @Override
    public void close() {
        tunnel.ifPresent(Tunnel::close);
    }
}
