package dev.matriarch.zookeeper;

import dev.matriarch.dcs.DcsException;
import dev.matriarch.dcs.http.Addresses;
import dev.matriarch.dcs.http.Budget;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher.Event.KeeperState;

/**
 * Sessions that live exactly as long as they are renewed. ZooKeeper's client keeps a session alive by itself for as long as its
 * process runs, and a server passes on what it hears of sessions only from time to time. So a lease's session is connected
 * while it is used and not longer, without being closed; each connection is confirmed by ZooKeeper's leader, from which on it
 * counts the session's whole time anew.
 */
final class Leases {
    private final Addresses servers;
    private final Connections connections;

    /** Of those servers that have once granted less than was asked for. */
    private final Map<URI, Duration> limits = new ConcurrentHashMap<>();

    Leases(Addresses servers, Connections connections) {
        this.servers = servers;
        this.connections = connections;
    }

    /** How much of the time that is asked for must be granted. */
    enum Grant {
        ALL,
        /** A member's record that ends earlier is written again earlier, too. */
        ANY
    }

    /**
     * @param ttl what it was made with: after a change of its leader ZooKeeper knows nothing of later wishes
     * @param grant what was needed of it then
     */
    record Lease(long id, byte[] password, Duration ttl, Grant grant) {}

    /** Nothing but servers that make it shorter could be reached: it ends at {@code endsAt} on the monotonic clock, or later. */
    static final class Shortened extends DcsException {
        private static final long serialVersionUID = 1;
        private final long endsAt;

        Shortened(String why, long endsAt) {
            super(why);
            this.endsAt = endsAt;
        }

        long endsAt() {
            return endsAt;
        }
    }

    /** A connected session; closing it leaves the session as it is. */
    final class Attached implements AutoCloseable {
        private final Lease lease;
        private final URI server;
        private final Handle handle;
        private final Budget attempt;

        private Attached(Lease lease, URI server, Handle handle, Budget budget) {
            this.lease = lease;
            this.server = server;
            this.handle = handle;
            // A server that says nothing must leave time for another one.
            this.attempt = new Budget(budget.share(servers.inOrder().size()));
        }

        Lease lease() {
            return lease;
        }

        <T> T ask(Connections.Question<T> question) throws KeeperException, DcsException {
            try {
                return question.ask(new Requests(handle, connections.entrance()), attempt);
            } catch (KeeperException e) {
                if (Requests.isUnknown(e)) {
                    connections
                            .contact()
                            .failed(server.getAuthority() + ": "
                                    + Requests.refused(e).getMessage());
                    servers.failed(server);
                }
                throw e;
            }
        }

        @Override
        public void close() {
            Thread.ofVirtual().start(handle::abandon);
        }
    }

    /** What every server that was asked grants; empty as long as none has granted less than was asked for. */
    Optional<Duration> longest() {
        List<URI> known = servers.inOrder();
        return limits.entrySet().stream()
                .filter(limit -> known.contains(limit.getKey()))
                .map(Map.Entry::getValue)
                .min(Duration::compareTo);
    }

    /** A session that is new. */
    Attached begin(Duration ttl, Grant grant, Budget budget) throws DcsException {
        return connect(Optional.empty(), ttl, grant, budget)
                .orElseThrow(() -> new DcsException("ZooKeeper began no session"));
    }

    /**
     * Renews it.
     *
     * @return empty if it has ended, and its keys with it
     * @throws Shortened if it lives on for less than its {@code ttl}
     */
    Optional<Attached> renew(Lease lease, Budget budget) throws DcsException {
        return connect(Optional.of(lease), lease.ttl(), lease.grant(), budget);
    }

    private sealed interface Reached {
        record Connected(Attached attached) implements Reached {}

        record Expired() implements Reached {}

        record Short(Duration granted) implements Reached {}

        record Failed(String why) implements Reached {}
    }

    private Optional<Attached> connect(Optional<Lease> lease, Duration ttl, Grant grant, Budget budget)
            throws DcsException {
        String why = servers.inOrder().isEmpty() ? "Exhibitor has named no server yet" : "no time is left";
        boolean again = true;
        Optional<Long> shortenedTo = Optional.empty();
        while (again && !budget.isSpent()) {
            List<URI> order = new ArrayList<>(servers.inOrder());
            if (grant == Grant.ALL && order.stream().anyMatch(server -> !isShort(server, ttl))) {
                // No session is made shorter where that can be helped.
                order.removeIf(server -> isShort(server, ttl));
            }
            int left = order.size();
            again = false;
            for (URI server : order) {
                long before = System.nanoTime();
                Reached reached = connect(server, lease, ttl, grant, new Budget(budget.share(left--)), budget);
                switch (reached) {
                    case Reached.Connected(Attached attached) -> {
                        return Optional.of(attached);
                    }
                    case Reached.Expired() -> {
                        return Optional.empty();
                    }
                    case Reached.Short(Duration granted) -> {
                        why = tooShort(server, granted, ttl);
                        shortenedTo = lease.isPresent() ? Optional.of(before + granted.toNanos()) : Optional.empty();
                    }
                    case Reached.Failed(String failure) -> {
                        why = failure;
                        again = true;
                    }
                }
                servers.failed(server);
                if (budget.isSpent()) {
                    break;
                }
            }
        }
        connections.contact().failed(why);
        if (shortenedTo.isPresent()) {
            throw new Shortened(why, shortenedTo.get());
        }
        throw new DcsException("no session of ZooKeeper could be reached: " + why);
    }

    private boolean isShort(URI server, Duration ttl) {
        Duration limit = limits.get(server);
        return limit != null && limit.compareTo(ttl) < 0;
    }

    private static String tooShort(URI server, Duration granted, Duration ttl) {
        return "ZooKeeper at " + server.getAuthority() + " lets a session live " + granted.toMillis()
                + " ms, which is shorter than ttl (" + ttl.toMillis()
                + " ms): raise its maxSessionTimeout or lower ttl";
    }

    private Reached connect(URI server, Optional<Lease> lease, Duration ttl, Grant grant, Budget attempt, Budget whole)
            throws DcsException {
        CompletableFuture<KeeperState> first = new CompletableFuture<>();
        Handle handle;
        try {
            handle = new Handle(server, Math.toIntExact(ttl.toMillis()), first, lease, connections);
        } catch (IOException e) {
            throw new DcsException("ZooKeeper cannot be asked: " + e.getMessage(), e);
        }
        boolean keep = false;
        try {
            KeeperState state = first.get(attempt.left().toMillis(), TimeUnit.MILLISECONDS);
            switch (state) {
                case SyncConnected -> {
                    connections.contact().answered();
                    Duration granted = Duration.ofMillis(handle.getSessionTimeout());
                    granted(server, granted, ttl);
                    if (grant == Grant.ALL && granted.compareTo(ttl) < 0) {
                        return new Reached.Short(granted);
                    }
                    keep = true;
                    Lease same = lease.orElseGet(
                            () -> new Lease(handle.getSessionId(), handle.getSessionPasswd(), ttl, grant));
                    return new Reached.Connected(new Attached(same, server, handle, whole));
                }
                case Expired -> {
                    return new Reached.Expired();
                }
                default -> {
                    return new Reached.Failed(server.getAuthority() + " said " + state);
                }
            }
        } catch (TimeoutException e) {
            return new Reached.Failed(server.getAuthority() + " did not answer in time"
                    + connections.entrance().trouble(server).map(t -> ": " + t).orElse(""));
        } catch (ExecutionException e) {
            throw new DcsException("ZooKeeper could not be asked: " + e.getCause(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DcsException("interrupted while asking ZooKeeper", e);
        } finally {
            if (!keep) {
                Thread.ofVirtual().start(handle::abandon);
            }
        }
    }

    private void granted(URI server, Duration granted, Duration asked) {
        if (granted.compareTo(asked) < 0) {
            limits.put(server, granted);
        } else if (isShort(server, asked)) {
            // It was raised.
            limits.remove(server);
        }
    }
}
