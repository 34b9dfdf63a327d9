package dev.matriarch.zookeeper;

import dev.matriarch.dcs.http.Addresses;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Collection;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.apache.zookeeper.client.ConnectStringParser;
import org.apache.zookeeper.client.HostProvider;

/** Tells ZooKeeper's client whom to connect to: the servers that answer first, as they are known at that moment. Any thread. */
final class InOrder implements HostProvider {
    private static final InetSocketAddress NOBODY = InetSocketAddress.createUnresolved("nobody.invalid", 2181);

    private final Addresses servers;
    private final Function<URI, InetSocketAddress> way;
    private final Set<URI> tried = new HashSet<>();
    private URI last;
    private boolean connected;

    InOrder(Addresses servers) {
        this(servers, InOrder::resolved);
    }

    /** @param way where to connect to for a server */
    InOrder(Addresses servers, Function<URI, InetSocketAddress> way) {
        this.servers = servers;
        this.way = way;
    }

    /** The one that is connected, or being connected to. */
    synchronized Optional<URI> current() {
        return Optional.ofNullable(last);
    }

    @Override
    public int size() {
        return Math.max(1, servers.inOrder().size());
    }

    @Override
    public InetSocketAddress next(long pauseMillis) {
        Optional<URI> untried = choose();
        if (untried.isEmpty()) {
            pause(pauseMillis);
            untried = choose();
        }
        // As long as nobody is known, nobody is reached.
        return untried.map(way).orElse(NOBODY);
    }

    /** Empty once after each round through all of them. */
    private synchronized Optional<URI> choose() {
        if (connected) {
            // Its connection broke.
            connected = false;
            servers.failed(last);
        }
        Optional<URI> next =
                servers.inOrder().stream().filter(s -> !tried.contains(s)).findFirst();
        if (next.isPresent()) {
            last = next.get();
            tried.add(last);
        } else {
            tried.clear();
        }
        return next;
    }

    private static void pause(long millis) {
        try {
            Thread.sleep(Math.max(0, millis));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Asked for anew each time: names may have moved. */
    private static InetSocketAddress resolved(URI server) {
        InetSocketAddress named = address(server);
        try {
            return new InetSocketAddress(InetAddress.getByName(named.getHostString()), named.getPort());
        } catch (UnknownHostException e) {
            return named;
        }
    }

    /** @param server also of a name that is none for {@link URI#getHost} */
    static InetSocketAddress address(URI server) {
        return new ConnectStringParser(server.getAuthority())
                .getServerAddresses()
                .getFirst();
    }

    @Override
    public synchronized void onConnected() {
        connected = true;
        tried.clear();
    }

    /** The list is known already; this is how a connection is told to end and to go on elsewhere. */
    @Override
    public boolean updateServerList(Collection<InetSocketAddress> all, InetSocketAddress current) {
        return true;
    }
}
