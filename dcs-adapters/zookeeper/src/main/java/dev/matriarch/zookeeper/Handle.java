package dev.matriarch.zookeeper;

import dev.matriarch.dcs.http.Addresses;
import dev.matriarch.zookeeper.Leases.Lease;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;

/** One connection of one session to one server, that can end without the session. */
@SuppressWarnings("try") // Its close, which would end the session, is never called.
final class Handle extends ZooKeeper {
    private final Line line;

    /** Whether it is wanted still. Of an object of its own: the connection begins before the constructor has ended. */
    private final Wanted wanted;

    private static final class Wanted {
        private volatile boolean abandoned;
        private volatile Handle handle;
    }

    /** @param first what is heard first of the connection, but that there is none */
    Handle(URI server, int millis, CompletableFuture<KeeperState> first, Optional<Lease> lease, Connections how)
            throws IOException {
        this(
                server,
                millis,
                first,
                lease,
                how.entrance(),
                how.entrance().line(new Addresses(List.of(server))),
                new Wanted());
    }

    private Handle(
            URI server,
            int millis,
            CompletableFuture<KeeperState> first,
            Optional<Lease> lease,
            Entrance how,
            Line line,
            Wanted wanted)
            throws IOException {
        super(
                server.getAuthority(),
                millis,
                event -> {
                    if (event.getState() != KeeperState.Disconnected) {
                        first.complete(event.getState());
                    }
                    if (event.getState() == KeeperState.SyncConnected && wanted.abandoned) {
                        // The client forgets that it was told to end while it was being connected, and would go on for
                        // ever.
                        Handle alive = wanted.handle;
                        Thread.ofVirtual().start(alive.cnxn::disconnect);
                    }
                },
                lease.map(Lease::id).orElse(0L),
                lease.map(Lease::password).orElseGet(() -> new byte[16]),
                false,
                line.hosts(),
                how.config());
        this.line = line;
        this.wanted = wanted;
        line.isOf(this::testableLocalSocketAddress);
        how.introduce(this);
    }

    /** Ends the connection and not the session. */
    void abandon() {
        unwanted();
        cnxn.disconnect();
        line.close();
    }

    /** What {@link #abandon} does first. */
    void unwanted() {
        wanted.handle = this;
        wanted.abandoned = true;
    }
}
